"""All listening sockets of a relay, from its configuration: parsed together, bound together, or none of them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.findings import Finding
from tailhub.net.bind import BoundSockets, bind_tcp, bind_tcp_shares, bind_udp, bind_unix
from tailhub.net.inherited import InheritedSockets, fits, shares_of
from tailhub.net.listen_spec import ListenSpec, UnixSpec, parse_listen, parse_public
from tailhub.server.config import RelayConfig


@dataclass(frozen=True, slots=True)
class ListenSpecs:
    """What is asked for; None is off. `public` is in the order of ``RelayConfig.listeners``."""

    public: tuple[ListenSpec | UnixSpec | None, ...]
    http: ListenSpec | None
    stun: ListenSpec | None
    admin: ListenSpec | None

    def wants(self, sock: socket.socket) -> bool:
        """Is it bound to what a public listener asks for?"""
        return any(spec is not None and fits(sock, spec) for spec in self.public)

    @property
    def has_relay(self) -> bool:
        """Can clients connect anywhere? Else it is a STUN server only."""
        return any(self.public)

    @property
    def public_hosts(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The addresses in ``--listen`` (without it, in ``--stun-listen``), none for the wildcard."""
        spec = self.public[0] or self.stun
        endpoints = spec.endpoints if isinstance(spec, ListenSpec) else ()
        hosts = (ip_address(endpoint.host.partition("%")[0]) for endpoint in endpoints)
        return tuple(host for host in hosts if not host.is_unspecified)


@dataclass(frozen=True, slots=True)
class BoundListeners:
    """Sockets that listen; None is off, and so is a public one without sockets.

    `shares` has the public ones by worker, then in the order of ``RelayConfig.listeners``.
    """

    shares: tuple[tuple[BoundSockets, ...], ...]
    http: BoundSockets | None
    stun: BoundSockets | None
    admin: BoundSockets | None
    other_notes: tuple[Finding, ...] = ()

    @property
    def public(self) -> BoundSockets:
        """The advertised listener's, of the first worker."""
        return self.shares[0][0]

    @property
    def public_tcp(self) -> list[socket.socket]:
        """The public sockets of all workers, but for unix sockets."""
        shares = [bound for share in self.shares for bound in share]
        return [sock for bound in shares if not bound.is_unix for sock in bound.sockets]

    @property
    def all(self) -> list[BoundSockets]:
        """Whatever listens, by worker too."""
        shares = [bound for share in self.shares for bound in share]
        return [bound for bound in (*shares, self.http, self.stun, self.admin) if bound is not None]

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is worth noting about any of them."""
        return (*self.other_notes, *(note for bound in self.all for note in bound.notes))

    def close(self) -> None:
        """Close all of them."""
        for bound in self.all:
            bound.close()

    def close_but(self, others: BoundListeners) -> None:
        """Close those that are not among the `others`."""
        kept = {sock for bound in others.all for sock in bound.sockets}
        for bound in self.all:
            for sock in bound.sockets:
                if sock not in kept:
                    sock.close()


@dataclass(frozen=True, slots=True)
class Kept:
    """Which listeners keep their sockets when there are others: `public` has for each the number that it had before."""

    public: tuple[int | None, ...]
    http: bool
    stun: bool
    admin: bool


def kept_listeners(before: ListenSpecs, after: ListenSpecs) -> Kept:
    """Who asks for the same as somebody before keeps those sockets."""
    numbers: dict[object, int] = {}
    for number, spec in enumerate(before.public):
        numbers.setdefault(_asked(spec), number)
    public = tuple(numbers.pop(_asked(spec), None) for spec in after.public)
    same = [_asked(getattr(before, name)) == _asked(getattr(after, name)) for name in ("http", "stun", "admin")]
    return Kept(public, *same)


def _asked(spec: ListenSpec | UnixSpec | None) -> object:
    """What a specification asks for, wherever it was written."""
    return spec.path if isinstance(spec, UnixSpec) else spec and spec.endpoints


def parse_listeners(config: RelayConfig) -> ListenSpecs:
    """Read where to listen. Raises `UsageError`."""
    specs = ListenSpecs(
        public=tuple(parse_public(listener.listen, listener.place("listen")) for listener in config.listeners),
        http=parse_listen(config.http_listen, config.place("http_listen")),
        stun=parse_listen(config.stun_listen, config.place("stun_listen")),
        admin=parse_listen(config.admin_listen, config.place("admin_listen")),
    )
    if not specs.has_relay and specs.stun is None:
        raise UsageError(findings.nothing_to_serve())
    return specs


def bind_listeners(
    specs: ListenSpecs, workers: int = 1, *, unix_mode: int = 0o660, inherited: Sequence[socket.socket] = ()
) -> BoundListeners:
    """Bind them all, the public ones once for each worker, except those that were `inherited`.

    Raises `FindingError` with nothing left open.
    """
    given = InheritedSockets(inherited)
    with contextlib.ExitStack() as undo:
        undo.callback(given.close_rest)

        def keep(bound: BoundSockets) -> BoundSockets:
            undo.callback(bound.close)
            return bound

        def tcp(spec: ListenSpec | None) -> BoundSockets | None:
            return None if spec is None else keep(given.take(spec, socket.SOCK_STREAM) or bind_tcp(spec))

        def udp(spec: ListenSpec | None) -> BoundSockets | None:
            return None if spec is None else keep(given.take(spec, socket.SOCK_DGRAM) or bind_udp(spec))

        by_listener = []
        for spec in specs.public:
            by_listener.append(_bind_public(spec, workers, unix_mode, given))
            for share in by_listener[-1]:
                keep(share)
        http, stun, admin = tcp(specs.http), udp(specs.stun), tcp(specs.admin)
        unused = tuple(findings.socket_unused(name) for name in given.close_rest())
        undo.pop_all()
        return BoundListeners(tuple(zip(*by_listener, strict=True)), http, stun, admin, unused)


def rebind(before: BoundListeners, specs: ListenSpecs, kept: Kept, *, unix_mode: int = 0o660) -> BoundListeners:
    """The sockets for other `specs`: those that are kept, and new ones.

    Raises `FindingError`; nothing has changed then.
    """
    workers = len(before.shares)
    with contextlib.ExitStack() as undo:

        def keep(bound: BoundSockets) -> BoundSockets:
            undo.callback(bound.close)
            return bound

        by_listener = []
        for number, spec in zip(kept.public, specs.public, strict=True):
            if number is not None:
                by_listener.append(tuple(share[number] for share in before.shares))
            else:
                by_listener.append(_bind_public(spec, workers, unix_mode, InheritedSockets()))
                for share in by_listener[-1]:
                    keep(share)
        http, stun, admin = before.http, before.stun, before.admin
        if not kept.http:
            http = keep(bind_tcp(specs.http)) if specs.http is not None else None
        if not kept.stun:
            stun = keep(bind_udp(specs.stun)) if specs.stun is not None else None
        if not kept.admin:
            admin = keep(bind_tcp(specs.admin)) if specs.admin is not None else None
        undo.pop_all()
        return BoundListeners(tuple(zip(*by_listener, strict=True)), http, stun, admin)


def _bind_public(
    spec: ListenSpec | UnixSpec | None, workers: int, unix_mode: int, given: InheritedSockets
) -> tuple[BoundSockets, ...]:
    """The sockets of one public listener, by worker."""
    if spec is None:
        return (BoundSockets(()),) * workers
    if (bound := given.take(spec, socket.SOCK_STREAM)) is not None:
        return shares_of(bound, workers)
    if isinstance(spec, UnixSpec):
        return shares_of(BoundSockets((bind_unix(spec.path, unix_mode, option=spec.flag),)), workers)
    return bind_tcp_shares(spec, workers)
