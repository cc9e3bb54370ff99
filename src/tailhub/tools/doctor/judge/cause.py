"""Which finding of the parts before keeps a part from being looked at: a root cause is counted once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.findings import Severity
from tailhub.tools.doctor.judge.here import judge as judge_here
from tailhub.tools.doctor.judge.name import judge as judge_name
from tailhub.tools.doctor.judge.tcp import judge as judge_tcp

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Seen

__all__ = ["cause_before_tls"]


def cause_before_tls(seen: Seen) -> str:
    """The code of what stops clients before TLS, "" if nothing does.

    Where the port was reached a name that leads elsewhere too has not stopped this connection.
    """
    parts = (judge_here, judge_tcp) if seen.tcp.open_address else (judge_here, judge_name, judge_tcp)
    errors = (finding.code for part in parts for finding in part(seen).findings if finding.severity is Severity.ERROR)
    return next(errors, "")
