"""I/O of the check from outside: each module looks at one thing and gives what it saw (types: `judge`)."""

from __future__ import annotations

from tailhub.tools.doctor.look.here import look as here
from tailhub.tools.doctor.look.http import look as http
from tailhub.tools.doctor.look.login import look as login
from tailhub.tools.doctor.look.name import look as name
from tailhub.tools.doctor.look.packets import look as packets
from tailhub.tools.doctor.look.stun import look as stun
from tailhub.tools.doctor.look.tcp import look as tcp
from tailhub.tools.doctor.look.tls import look as tls

__all__ = ["here", "http", "login", "name", "packets", "stun", "tcp", "tls"]
