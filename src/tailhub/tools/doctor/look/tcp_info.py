"""What Linux tells of a TCP connection; elsewhere nothing is known. The layout is that of ``struct tcp_info``."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tailhub.client.derp_client import DERPClient
from tailhub.tools.doctor.judge.packets import SegmentsSeen

__all__ = ["TCPInfo", "read_tcp_info", "segments_between"]

_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_LEN = 256  # more than is read here
_U32 = struct.Struct("=I")
_RTT, _RESENT, _DATA_OUT, _OUT_OF_ORDER = 68, 100, 156, 224
_NEEDED_LEN = _DATA_OUT + _U32.size


@dataclass(frozen=True, slots=True)
class TCPInfo:
    """Of one connection since it was made: segments with data towards the other side, and how many were sent again.

    `out_of_order`: segments received before one that was lost; None in a kernel older than 5.4.
    """

    rtt_s: float
    towards: int
    resent: int
    out_of_order: int | None


def read_tcp_info(client: DERPClient) -> TCPInfo | None:
    """Ask the system; None where it does not tell, or the connection is over."""
    sock = client.get_extra_info("socket")
    if _TCP_INFO is None or sock is None:
        return None
    try:
        data = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LEN)
    except OSError:
        return None
    if len(data) < _NEEDED_LEN:
        return None
    rtt_us, resent, towards = (_U32.unpack_from(data, offset)[0] for offset in (_RTT, _RESENT, _DATA_OUT))
    is_told = len(data) >= _OUT_OF_ORDER + _U32.size
    out_of_order = _U32.unpack_from(data, _OUT_OF_ORDER)[0] if is_told else None
    return TCPInfo(rtt_us / 1e6, towards, resent, out_of_order)


def segments_between(before: Sequence[TCPInfo | None], after: Sequence[TCPInfo | None]) -> SegmentsSeen | None:
    """The segments of all connections in a while, by what was read of each at its ends."""
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old is not None and new is not None]
    if not pairs:
        return None
    is_told = all(new.out_of_order is not None for _, new in pairs)
    return SegmentsSeen(
        sum(new.towards - old.towards for old, new in pairs),
        sum(new.resent - old.resent for old, new in pairs),
        sum((new.out_of_order or 0) - (old.out_of_order or 0) for old, new in pairs) if is_told else None,
    )
