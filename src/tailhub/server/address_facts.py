"""The facts from which `tailhub.server.address` decides what to advertise, and simple questions to them. Pure."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from tailhub.net.container import SYSTEM_CONTAINERS
from tailhub.net.interfaces import DefaultRoute, InterfaceAddress, IPAddress, Kind, Role, kind_of, role_of

if TYPE_CHECKING:
    from tailhub.server.metadata import CloudAnswer


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the flags ask for, and what was bound.

    `port` and `stun_port` are the real ports of the sockets; `stun_port` is None when STUN is off. `public_port` and
    `stun_public_port` are None when their flags are not given. `listen_hosts` are the addresses in ``--listen`` (none
    for a wildcard), `families` what its sockets serve (`AF_INET`, `AF_INET6`).
    """

    port: int
    stun_port: int | None
    addresses: tuple[IPAddress, ...] = ()
    hostname: str = ""
    public_port: int | None = None
    stun_public_port: int | None = None
    discover: bool = True
    listen_hosts: tuple[IPAddress, ...] = ()
    families: frozenset[int] = frozenset({socket.AF_INET, socket.AF_INET6})

    @property
    def is_for_this_machine(self) -> bool:
        """Does the relay listen on loopback addresses only?"""
        return bool(self.listen_hosts) and all(host.is_loopback for host in self.listen_hosts)


@dataclass(frozen=True, slots=True)
class StunAnswer:
    """What one public STUN server saw of our own STUN socket; `local_port` is the port that this socket is bound to."""

    server: str
    address: IPAddress
    port: int
    local_port: int

    @property
    def is_rewritten(self) -> bool:
        """Did a NAT give us another port? Then what others send to our port does not reach us."""
        return self.port != self.local_port


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found out, judged by nobody yet.

    `engine` is what runs us as a container; `is_paired` whether the default route's interface is one end of a pair that
    leads outside; `lost_state_dir` the state directory if it goes with the container, else "". `hostname_addresses` is
    None when ``--hostname`` was not looked up. `names_fail`: not one name could be looked up.
    """

    wanted: Wanted
    interfaces: tuple[InterfaceAddress, ...] = ()
    route_v4: DefaultRoute | None = None
    route_v6: DefaultRoute | None = None
    clouds: tuple[CloudAnswer, ...] = ()
    stun: tuple[StunAnswer, ...] = ()
    names_fail: bool = False
    engine: str | None = None
    is_paired: bool | None = None
    lost_state_dir: str = ""
    hostname_addresses: tuple[IPAddress, ...] | None = None

    @property
    def is_in_application_container(self) -> bool:
        """Are we in a container that holds one program, and is replaced rather than mended?"""
        return self.engine is not None and self.engine not in SYSTEM_CONTAINERS

    @property
    def is_bridged(self) -> bool:
        """Are we behind a container engine's bridge, not in the host's network or one of our own?"""
        if not self.is_in_application_container or self.is_paired is False:
            return False
        if any(role_of(found.interface) is Role.CONTAINERS for found in self.interfaces):
            return False  # the engine's bridge can be seen: this is the host's network
        own = self.on_default_route(socket.AF_INET)
        return bool(own) and all(kind_of(found.address) is Kind.PRIVATE for found in own)

    @property
    def is_tunnelled(self) -> bool:
        """Does this machine's own IPv4 traffic leave through a VPN, an exit node or a proxy's TUN?"""
        source = self.source(socket.AF_INET)
        leaving = {found.interface for found in self.interfaces if found.address == source}
        if self.route_v4 and self.route_v4.interface:
            leaving.add(self.route_v4.interface)
        return any(role_of(interface) in (Role.TAILNET, Role.TUNNEL) for interface in leaving)

    def on_default_route(self, family: int) -> list[InterfaceAddress]:
        """The addresses of `family` on the interface that its default route uses."""
        route = self._route(family)
        if route is None:
            return []
        interface = route.interface or next((f.interface for f in self.interfaces if f.address == route.source), None)
        return [f for f in self.interfaces if f.interface == interface and family_of(f.address) == family]

    def source(self, family: int) -> IPAddress | None:
        """The address that the kernel sends from."""
        route = self._route(family)
        return route.source if route else None

    def stun_of(self, family: int) -> list[StunAnswer]:
        """What STUN servers saw over `family`; an answer that is no global address says nothing."""
        return [a for a in self.stun if family_of(a.address) == family and kind_of(a.address) is Kind.GLOBAL]

    def _route(self, family: int) -> DefaultRoute | None:
        return self.route_v4 if family == socket.AF_INET else self.route_v6


def family_of(address: IPAddress) -> int:
    """`AF_INET` or `AF_INET6`."""
    return socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
