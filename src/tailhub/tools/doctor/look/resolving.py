"""Looking up a name as programs on this machine do: hosts file, DNS, and whatever else the system is set up to ask."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from tailhub.net.threads import in_thread
from tailhub.tools.doctor.judge.name import LookUp

__all__ = ["Resolved", "resolve"]

MAX_ADDRESSES = 8  # of a name; clients try no more either before their time is over
_NO_SUCH_NAME = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """`addresses`, IPv4 first, each once."""

    look_up: LookUp
    addresses: tuple[str, ...] = ()


async def resolve(name: str, timeout_s: float) -> Resolved:
    """Look it up. Never raises; an answer that does not come in time is ``no_answer``."""
    try:
        async with asyncio.timeout(timeout_s):
            found = await in_thread(lambda: socket.getaddrinfo(name, 0, type=socket.SOCK_STREAM))
    except socket.gaierror as exc:
        return Resolved("not_found" if exc.errno in _NO_SUCH_NAME else "no_answer")
    except OSError:  # a time-out is one
        return Resolved("no_answer")
    except ValueError:  # no DNS could carry that
        return Resolved("not_found")
    addresses = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return Resolved("found", tuple(sorted(addresses, key=lambda address: ":" in address)[:MAX_ADDRESSES]))
