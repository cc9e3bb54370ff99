"""All listening sockets of a relay, from its flags: parsed together, bound together, or none of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.findings import Finding
from tailhub.net.bind import BoundSockets, bind_tcp, bind_tcp_shares, bind_udp
from tailhub.net.listen_spec import ListenSpec, parse_listen
from tailhub.server.config import RelayConfig


@dataclass(frozen=True, slots=True)
class ListenSpecs:
    """What each flag asks for; None is off."""

    public: ListenSpec | None
    http: ListenSpec | None
    stun: ListenSpec | None
    admin: ListenSpec | None

    @property
    def public_hosts(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The addresses in ``--listen`` (without it, in ``--stun-listen``), none for the wildcard."""
        spec = self.public or self.stun
        endpoints = spec.endpoints if spec is not None else ()
        hosts = (ip_address(endpoint.host.partition("%")[0]) for endpoint in endpoints)
        return tuple(host for host in hosts if not host.is_unspecified)


@dataclass(frozen=True, slots=True)
class BoundListeners:
    """Sockets that listen; None is off, and so is `public` without sockets (a STUN server only).

    `shares` are those of the public port by worker; `public` is the first of them.
    """

    shares: tuple[BoundSockets, ...]
    http: BoundSockets | None
    stun: BoundSockets | None
    admin: BoundSockets | None

    @property
    def public(self) -> BoundSockets:
        """The public port's, of the first worker."""
        return self.shares[0]

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is worth noting about any of them."""
        return tuple(note for bound in self._all() for note in bound.notes)

    def close(self) -> None:
        """Close all of them."""
        for bound in self._all():
            bound.close()

    def _all(self) -> list[BoundSockets]:
        return [bound for bound in (*self.shares, self.http, self.stun, self.admin) if bound is not None]


def parse_listeners(config: RelayConfig) -> ListenSpecs:
    """Read the listening flags. Raises `UsageError`."""
    specs = ListenSpecs(
        public=parse_listen(config.listen, "--listen"),
        http=parse_listen(config.http_listen, "--http-listen"),
        stun=parse_listen(config.stun_listen, "--stun-listen"),
        admin=parse_listen(config.admin_listen, "--admin-listen"),
    )
    if specs.public is None and specs.stun is None:
        raise UsageError(findings.nothing_to_serve())
    return specs


def bind_listeners(specs: ListenSpecs, workers: int = 1) -> BoundListeners:
    """Bind them all, the public port once for each worker. Raises `FindingError` with nothing left open."""
    with contextlib.ExitStack() as undo:

        def keep(bound: BoundSockets | None) -> BoundSockets | None:
            if bound is not None:
                undo.callback(bound.close)
            return bound

        shares = bind_tcp_shares(specs.public, workers) if specs.public is not None else (BoundSockets(()),) * workers
        for share in shares:
            keep(share)
        bound = BoundListeners(
            shares=shares,
            http=keep(bind_tcp(specs.http)) if specs.http is not None else None,
            stun=keep(bind_udp(specs.stun)) if specs.stun is not None else None,
            admin=keep(bind_tcp(specs.admin)) if specs.admin is not None else None,
        )
        undo.pop_all()
        return bound
