"""What was seen, as plain values, and what it means: findings and steps. No I/O, no clock."""

from __future__ import annotations

from tailhub.tools.doctor.judge.here import judge as here
from tailhub.tools.doctor.judge.http import judge as http
from tailhub.tools.doctor.judge.login import judge as login
from tailhub.tools.doctor.judge.name import judge as name
from tailhub.tools.doctor.judge.packets import judge as packets
from tailhub.tools.doctor.judge.stun import judge as stun
from tailhub.tools.doctor.judge.tcp import judge as tcp
from tailhub.tools.doctor.judge.tls import judge as tls

__all__ = ["here", "http", "login", "name", "packets", "stun", "tcp", "tls"]
