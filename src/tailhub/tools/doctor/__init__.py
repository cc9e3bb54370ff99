"""Why does it not work? A relay looked at as its clients see it, from name to packet; or on its own machine.

::

    look/    I/O: makes connections, sends packets, reads files. Gives plain observations, judges nothing
    judge/   pure: what an observation means. The types of the observations are here, beside their meaning
    local/   the same two for the machine that the relay runs on
    outside  the order of looking from outside, and of what is said

`examine` looks at a relay from here, `examine_local` at the machine of a `LocalContext`; both give a `Report`.
"""

from __future__ import annotations

from tailhub.tools.doctor.local.context import LocalContext, local_context
from tailhub.tools.doctor.local.inside import examine_local
from tailhub.tools.doctor.mapped import unreadable_map, with_map
from tailhub.tools.doctor.outside import Progress, examine
from tailhub.tools.doctor.seen import Options
from tailhub.tools.report import Outcome, Report, Step

__all__ = [
    "LocalContext",
    "Options",
    "Outcome",
    "Progress",
    "Report",
    "Step",
    "examine",
    "examine_local",
    "local_context",
    "unreadable_map",
    "with_map",
]
