"""Binding the sockets a relay listens on, and saying clearly why one cannot be had.

The two families are bound apart (``IPV6_V6ONLY``), on the same port. ``SO_REUSEPORT`` is set only where several workers
share a port, and only after it was had without: with it alone a second relay of the same user would take half of the
first one's clients without an error; and for a moment where a socket of ours on the same port makes room for a new one,
which is to take its place at other addresses. ``SO_REUSEADDR`` is set for TCP, so that a restart need not wait for old
connections; for UDP it would let two programs share the port, so there it is not.
Nothing is ever bound to a port that was not asked for: the clients' map depends on it.

Sources: socket(7), ip(7), ipv6(7), unix(7).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tailhub import findings
from tailhub.exceptions import FindingError, MachineError, UsageError
from tailhub.net.listen_spec import MAX_PORT
from tailhub.net.port_owner import find_owner

if TYPE_CHECKING:
    from tailhub.findings import Finding
    from tailhub.net.listen_spec import Endpoint, ListenSpec

BACKLOG = 1024  # connections that wait for accept(); the kernel lowers it to its own limit
_TRIES_FOR_PORT_0 = 20
_PORTS_TO_TRY = 200  # when looking for a free one to offer
_UNPRIVILEGED = 1024  # the first port that everybody may bind, unless the system says otherwise
_MAX_UNIX_PATH = 103  # bytes; Linux has room for 107, macOS for 103
_FAMILY_NAMES: dict[int, str] = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}
_NO_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL})


@dataclass(frozen=True, slots=True)
class BoundSockets:
    """Sockets of one flag, non-blocking and ready (TCP: listening), and what is worth noting about them."""

    sockets: tuple[socket.socket, ...]
    notes: tuple[Finding, ...] = ()

    @property
    def is_unix(self) -> bool:
        """Is it a unix socket?"""
        return any(sock.family == getattr(socket, "AF_UNIX", None) for sock in self.sockets)

    @property
    def port(self) -> int:
        """The port they share, also when 0 was asked for; 0 without sockets and for a unix socket."""
        return int(self.sockets[0].getsockname()[1]) if self.sockets and not self.is_unix else 0

    @property
    def families(self) -> frozenset[int]:
        """The families that are served; one socket may serve both."""
        families: set[int] = {sock.family for sock in self.sockets}
        if any(_is_of_both(sock) for sock in self.sockets):
            families.add(socket.AF_INET)
        return frozenset(families)

    def close(self) -> None:
        """Close them all."""
        for sock in self.sockets:
            sock.close()


def _is_of_both(sock: socket.socket) -> bool:
    """Ours never are, but one from systemd may be."""
    if sock.family != socket.AF_INET6 or sock.getsockname()[0] != "::":
        return False
    return not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def bind_tcp(spec: ListenSpec, backlog: int = BACKLOG, leaving: Sequence[socket.socket] = ()) -> BoundSockets:
    """Bind and listen. Sockets of ours that are `leaving` are in nobody's way.

    Raises `MachineError` (port taken, no permission) or `UsageError` (not an address of ours).
    """
    return _bind(spec, socket.SOCK_STREAM, backlog, leaving)


def bind_tcp_shares(
    spec: ListenSpec, count: int, backlog: int = BACKLOG, leaving: Sequence[socket.socket] = ()
) -> tuple[BoundSockets, ...]:
    """Bind the same port `count` times; the kernel spreads connections over them (Linux). Errors as `bind_tcp`."""
    first = bind_tcp(spec, backlog, leaving)
    if count == 1:
        return (first,)
    with _making_room(leaving, spec.port, socket.SOCK_STREAM):
        return _bind_shares(first, spec, count, backlog)


def _bind_shares(first: BoundSockets, spec: ListenSpec, count: int, backlog: int) -> tuple[BoundSockets, ...]:
    """As many as are wanted in the place of the `first`."""
    endpoints = [endpoint for endpoint in spec.endpoints if endpoint.family in first.families]
    port, notes = first.port, first.notes
    first.close()
    shares: list[BoundSockets] = []
    try:
        for _ in range(count):
            sockets: list[socket.socket] = []
            shares.append(BoundSockets(tuple(sockets), notes))
            for endpoint in endpoints:
                sockets.append(_open(endpoint, port, socket.SOCK_STREAM, backlog, shared=True))
                shares[-1] = BoundSockets(tuple(sockets), notes)
    except OSError as error:  # somebody was faster
        for share in shares:
            share.close()
        raise _explain(error, spec, endpoint, socket.SOCK_STREAM) from error
    return tuple(shares)


def bind_udp(spec: ListenSpec, leaving: Sequence[socket.socket] = ()) -> BoundSockets:
    """Bind datagram sockets. `leaving` and errors as for `bind_tcp`."""
    return _bind(spec, socket.SOCK_DGRAM, 0, leaving)


def _bind(
    spec: ListenSpec, kind: socket.SocketKind, backlog: int, leaving: Sequence[socket.socket] = ()
) -> BoundSockets:
    with _making_room(leaving, spec.port, kind) as shared:
        # With port 0 the system chooses a port for one family, which may be taken in the other: choose again.
        for _ in range(_TRIES_FOR_PORT_0 if spec.port == 0 else 1):
            if (bound := _bind_once(spec, kind, backlog, shared=shared)) is None:
                continue
            if shared:  # from now on nobody shares it
                for sock in bound.sockets:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            return bound
    raise MachineError(findings.cannot_listen(spec.flag, spec.text, "no port is free in both IP families"))


@contextlib.contextmanager
def _making_room(leaving: Sequence[socket.socket], port: int, kind: socket.SocketKind) -> Iterator[bool]:
    """Have those of the `leaving` sockets share this port for a moment. Is there one?"""
    option = getattr(socket, "SO_REUSEPORT", None)
    families = (socket.AF_INET, socket.AF_INET6)
    ours = [one for one in leaving if one.family in families and one.type == kind and one.getsockname()[1] == port]
    if option is None or not ours:
        yield False
        return
    before = [one.getsockopt(socket.SOL_SOCKET, option) for one in ours]
    try:
        for one in ours:
            one.setsockopt(socket.SOL_SOCKET, option, 1)
        yield True
    finally:
        for one, value in zip(ours, before, strict=True):
            one.setsockopt(socket.SOL_SOCKET, option, value)


def _bind_once(spec: ListenSpec, kind: socket.SocketKind, backlog: int, *, shared: bool) -> BoundSockets | None:
    port = spec.port
    sockets: list[socket.socket] = []
    notes: list[Finding] = []
    last_error: OSError | None = None
    for endpoint in spec.endpoints:
        try:
            sockets.append(_open(endpoint, port, kind, backlog, shared=shared))
        except OSError as error:
            last_error = error
            if spec.is_wildcard and error.errno in _NO_FAMILY:
                notes.append(findings.family_missing(_FAMILY_NAMES[endpoint.family], spec.flag))
                continue
            for sock in sockets:
                sock.close()
            if spec.port == 0 and error.errno == errno.EADDRINUSE and sockets:
                return None
            raise _explain(error, spec, endpoint, kind) from error
        port = sockets[-1].getsockname()[1]
    if not sockets:
        raise MachineError(findings.cannot_listen(spec.flag, spec.text, str(last_error)))
    return BoundSockets(tuple(sockets), tuple(notes))


def _open(
    endpoint: Endpoint, port: int, kind: socket.SocketKind, backlog: int, *, shared: bool = False
) -> socket.socket:
    """One bound, non-blocking socket. Raises `OSError`."""
    sock = socket.socket(endpoint.family, kind)
    try:
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # Windows lets others steal the port else
        elif kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if endpoint.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(_sockaddr(endpoint, port))
        if kind == socket.SOCK_STREAM:
            # Two sockets that do not listen yet may share a port with SO_REUSEADDR: only listen() finds out.
            sock.listen(backlog)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _sockaddr(endpoint: Endpoint, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    host, _, scope = endpoint.host.partition("%")
    if endpoint.family == socket.AF_INET:
        return (host, port)
    if not scope or scope.isdigit():
        return (host, port, 0, int(scope or 0))
    try:
        return (host, port, 0, socket.if_nametoindex(scope))
    except OSError as error:  # it has no error number, and means just that
        raise OSError(errno.EADDRNOTAVAIL, str(error)) from error


def _explain(error: OSError, spec: ListenSpec, endpoint: Endpoint, kind: socket.SocketKind) -> FindingError:
    """What a person should read about a bind that failed."""
    protocol = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    if error.errno == errno.EADDRINUSE:
        owner = find_owner(endpoint, protocol)
        return MachineError(
            findings.port_taken(spec.flag, protocol, spec.port, owner, free_port(spec, kind), spec.host)
        )
    if error.errno in (errno.EACCES, errno.EPERM) and 0 < spec.port < unprivileged_start():
        free = free_port(spec, kind)
        return MachineError(findings.port_needs_privilege(spec.flag, protocol, spec.port, free, host=spec.host))
    if error.errno == errno.EADDRNOTAVAIL:
        return UsageError(findings.address_not_here(spec.flag, endpoint.host, spec.port))
    return MachineError(findings.cannot_listen(spec.flag, spec.text, error.strerror or str(error)))


def unprivileged_start(path: str = "/proc/sys/net/ipv4/ip_unprivileged_port_start") -> int:
    """The first port that needs no privilege: Linux lets the administrator move it."""
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return _UNPRIVILEGED


def free_port(spec: ListenSpec, kind: socket.SocketKind) -> int | None:
    """A port near the one asked for that could be bound right now, None if none was found. Nothing stays bound."""
    first = spec.port + 1
    if spec.port < unprivileged_start():
        first = spec.port + 8000  # 443 gives 8443, 80 gives 8080: what people expect
    for port in range(first, min(first + _PORTS_TO_TRY, MAX_PORT + 1)):
        if all(_is_free(endpoint, port, kind) for endpoint in spec.endpoints):
            return port
    return None


def _is_free(endpoint: Endpoint, port: int, kind: socket.SocketKind) -> bool:
    try:
        _open(endpoint, port, kind, 1).close()
    except OSError as error:
        return error.errno in _NO_FAMILY
    return True


def bind_unix(path: Path, mode: int = 0o600, backlog: int = BACKLOG, option: str = "unix") -> socket.socket:
    """Listen on a unix socket that nobody can open before it has `mode`. A socket file that nobody answers is replaced.

    `option` is how somebody named it. Raises `MachineError` if a program answers there, the path is too long or is
    something else, or cannot be made.
    """
    if len(os.fsencode(path)) > _MAX_UNIX_PATH:
        raise MachineError(findings.cannot_listen(option, str(path), f"longer than {_MAX_UNIX_PATH} bytes"))
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path, option)
        before = os.umask(0o777 & ~mode)
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise MachineError(findings.cannot_listen(option, str(path), error.strerror or str(error))) from error
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: Path, option: str) -> None:
    """Make room at `path` if a socket is there that nobody listens on. Raises `MachineError`, `OSError`."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found):
        raise MachineError(findings.cannot_listen(option, str(path), "it exists and is not a socket"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        # Anything but a refusal, a full queue (EAGAIN) for example, comes from a program that is alive.
        if probe.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise MachineError(findings.cannot_listen(option, str(path), "another program answers there"))
    path.unlink(missing_ok=True)


def raise_descriptor_limit() -> tuple[int, int]:
    """Raise the soft limit of open files to the hard one: the soft limit before and after, (-1, -1) on Windows."""
    try:
        import resource
    except ImportError:
        return (-1, -1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says "unlimited" and then refuses more than OPEN_MAX.
    for wanted in (hard, 10240):
        if soft == resource.RLIM_INFINITY or 0 <= wanted <= soft:
            break
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            continue
        return (soft, wanted)
    return (soft, soft)
