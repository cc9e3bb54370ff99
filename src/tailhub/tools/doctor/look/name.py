"""Looks at which addresses the relay's name leads to, and whether they are those of the map.

As clients do: for each IP version the map's address if it has one, nothing if it says so, else what the name leads to.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from tailhub.tools.doctor.judge.name import NameSeen
from tailhub.tools.doctor.look.resolving import Resolved, resolve

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["literal", "look"]


async def look(seen: Seen, options: Options) -> NameSeen:
    """Look."""
    target = seen.target
    address = literal(target.host)
    found = Resolved("not_asked") if address else await resolve(target.host, options.timeout_s)
    known = (address,) if address else found.addresses
    to_dial: list[str] = []
    for version in (4, 6):
        fixed = target.fixed_address(version)
        if fixed is None:
            to_dial += [one for one in known if ip_address(one).version == version]
        elif fixed and ip_address(fixed).version == version:
            to_dial.append(fixed)
    return NameSeen(tuple(to_dial), found.addresses, found.look_up)


def literal(host: str) -> str:
    """The host if it is an IP address, in its usual form, else ""."""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return ""
