"""The machine's clock: certificates, logins at APIs and ACME go by it."""

from __future__ import annotations

import ctypes
import sys
from datetime import UTC, datetime

from tailhub import findings
from tailhub.certs.dates import BUILD_DATE, is_clock_behind
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["check", "is_synchronised", "judge"]

_STEP = "clock"
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC, linux/timex.h
_STATUS_AT = 5 * ctypes.sizeof(ctypes.c_long)  # modes (padded), offset, freq, maxerror, esterror; then status
_TIMEX_BYTES = 512  # more than the structure has on any machine


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(datetime.now(UTC), is_synchronised())


def is_synchronised() -> bool | None:
    """Does somebody keep the kernel's clock right (adjtimex(2), which changes nothing when asked so)? None: unknown."""
    if sys.platform != "linux":
        return None
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        if ctypes.CDLL(None).adjtimex(buffer) < 0:
            return None
    except (OSError, AttributeError):
        return None
    status = ctypes.c_int.from_buffer(buffer, _STATUS_AT).value
    return not status & _UNSYNCHRONISED


def judge(now: datetime, synchronised: bool | None) -> Judgement:
    """What the time that it shows, and the kernel's word, mean. That nobody keeps it right is no fault yet."""
    judgement = Judgement()
    values = {"now": f"{now:%Y-%m-%d %H:%M} UTC"}
    remark = Remark({True: "clock_kept", False: "clock_alone", None: "clock_shows"}[synchronised], values)
    if is_clock_behind(now):
        judgement.found(_STEP, findings.clock_before_build(now, BUILD_DATE), remark)
    else:
        judgement.ok(_STEP, remark)
    return judgement
