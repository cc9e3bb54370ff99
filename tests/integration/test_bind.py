"""Binding on loopback: what a second relay on the same port is told."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tailhub.exceptions import MachineError, UsageError
from tailhub.net import bind
from tailhub.net.bind import (
    BoundSockets,
    bind_tcp,
    bind_tcp_shares,
    bind_udp,
    bind_unix,
    free_port,
    raise_descriptor_limit,
    unprivileged_start,
)
from tailhub.net.listen_spec import Endpoint, ListenSpec, parse_listen
from tailhub.net.port_owner import program_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BINDERS = pytest.mark.parametrize("binder", [bind_tcp, bind_udp], ids=["tcp", "udp"])
Binder = Callable[[ListenSpec], BoundSockets]
Keep = Callable[[BoundSockets], BoundSockets]


def spec(text: str) -> ListenSpec:
    found = parse_listen(text, "--listen")
    assert found is not None
    return found


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Closes at the end what is given to it."""
    held: list[BoundSockets] = []

    def hold(bound: BoundSockets) -> BoundSockets:
        held.append(bound)
        return bound

    yield hold
    for bound in held:
        bound.close()


@BINDERS
def test_both_families_on_one_port(binder: Binder, keep: Keep) -> None:
    """With port 0 and no host both families get the same port, each on a socket of its own."""
    bound = keep(binder(spec(":0")))
    assert bound.families == {socket.AF_INET, socket.AF_INET6}
    assert {sock.getsockname()[1] for sock in bound.sockets} == {bound.port}
    assert bound.port > 0
    assert not bound.notes
    assert not any(sock.getblocking() for sock in bound.sockets)


@BINDERS
def test_localhost_is_both_loopback_addresses(binder: Binder, keep: Keep) -> None:
    """For ``localhost`` both loopback addresses are bound, on the same port."""
    bound = keep(binder(spec("localhost:0")))
    names = {sock.getsockname()[:2] for sock in bound.sockets}
    assert names == {("127.0.0.1", bound.port), ("::1", bound.port)}


@BINDERS
def test_second_bind_names_the_program(binder: Binder, keep: Keep) -> None:
    """A port that is taken is refused with its program's name and pid, and a free one on the same host is offered."""
    port = keep(binder(spec("127.0.0.1:0"))).port
    with pytest.raises(MachineError) as caught:
        binder(spec(f"127.0.0.1:{port}"))
    message = str(caught.value)
    program = program_name(psutil.Process().name(), psutil.Process().cmdline())
    assert f"port {port} is taken by {program} (pid {os.getpid()})" in message
    offered = int(message.rpartition("--listen 127.0.0.1:")[2].rstrip(".`"))
    assert offered > port
    keep(binder(spec(f"127.0.0.1:{offered}")))


@BINDERS
@pytest.mark.parametrize(("first", "second"), [("127.0.0.1", ""), ("", "127.0.0.1"), ("[::1]", ""), ("", "[::1]")])
def test_wildcard_and_address_collide(binder: Binder, keep: Keep, first: str, second: str) -> None:
    """The wildcard and one address of it exclude each other on one port, and the owner is still found."""
    port = keep(binder(spec(f"{first}:0"))).port
    with pytest.raises(MachineError) as caught:
        binder(spec(f"{second}:{port}"))
    assert f"(pid {os.getpid()})" in str(caught.value)


REUSING_PROGRAM = """
import socket, sys
kind = socket.SOCK_STREAM if sys.argv[1] == "bind_tcp" else socket.SOCK_DGRAM
sock = socket.socket(socket.AF_INET, kind)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(("127.0.0.1", 0))
if kind == socket.SOCK_STREAM:
    sock.listen()
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@BINDERS
def test_reusing_program_is_seen(binder: Binder) -> None:
    """A program that shares its port by SO_REUSEPORT and SO_REUSEADDR is found out all the same, and named."""
    command = [sys.executable, "-c", REUSING_PROGRAM, binder.__name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        with pytest.raises(MachineError) as caught:
            binder(spec(f"127.0.0.1:{port}"))
        assert f"(pid {other.pid})" in str(caught.value)
        other.communicate()


def test_nothing_stays_bound_after_a_refusal(keep: Keep) -> None:
    """When IPv6 is refused the IPv4 socket, bound just before, is given up again."""
    both = keep(bind_tcp(spec(":0")))  # so that the port is free in IPv4 too
    port = both.port
    both.sockets[0].close()
    with pytest.raises(MachineError):
        bind_tcp(spec(f":{port}"))
    keep(bind_tcp(spec(f"0.0.0.0:{port}")))


@BINDERS
def test_address_of_another_machine(binder: Binder) -> None:
    """An address that this machine does not have is a usage error that names it."""
    with pytest.raises(UsageError, match=r"203\.0\.113\.77"):
        binder(spec("203.0.113.77:0"))
    with pytest.raises(UsageError, match="no-such-if"):
        binder(spec("[fe80::1%no-such-if]:0"))


def _refusing(monkeypatch: pytest.MonkeyPatch, refused: Callable[[int, int], int]) -> None:
    """Make opening a socket fail with the error number that `refused(family, port)` gives, 0 for none."""
    real = bind._open

    def open_socket(endpoint: Endpoint, port: int, *rest: Any, **options: Any) -> socket.socket:
        if number := refused(endpoint.family, port):
            raise OSError(number, os.strerror(number))
        return real(endpoint, port, *rest, **options)

    monkeypatch.setattr(bind, "_open", open_socket)


def test_missing_family_is_noted(monkeypatch: pytest.MonkeyPatch, keep: Keep) -> None:
    """A kernel without IPv6 serves the wildcard over IPv4 and says so; asked for by name it is an error."""
    _refusing(monkeypatch, lambda family, _port: errno.EAFNOSUPPORT if family == socket.AF_INET6 else 0)
    bound = keep(bind_tcp(spec(":0")))
    assert bound.families == {socket.AF_INET}
    assert ["IPv6" in str(note) for note in bound.notes] == [True]
    with pytest.raises(MachineError):
        bind_tcp(spec("[::]:0"))


def test_no_family_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without either family there is nothing to listen on."""
    _refusing(monkeypatch, lambda _family, _port: errno.EAFNOSUPPORT)
    with pytest.raises(MachineError, match=":8443"):
        bind_tcp(spec(":8443"))


def test_low_port_without_privilege(monkeypatch: pytest.MonkeyPatch) -> None:
    """A low port that is refused says how to get it and offers a high one; no other port is taken silently."""
    monkeypatch.setattr(bind, "unprivileged_start", lambda: 1024)
    _refusing(monkeypatch, lambda _family, port: errno.EACCES if port < 1024 else 0)
    with pytest.raises(MachineError) as caught:
        bind_tcp(spec(":443"))
    message = str(caught.value)
    assert "443" in message
    assert "CAP_NET_BIND_SERVICE" in message
    assert free_port(spec(":443"), socket.SOCK_STREAM) == int(message.partition("--listen :")[2].partition("`")[0])


def test_other_errors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says is passed on when there is nothing better to say."""
    _refusing(monkeypatch, lambda _family, _port: errno.EMFILE)
    with pytest.raises(MachineError, match="Too many open files"):
        bind_tcp(spec(":8443"))


def test_unprivileged_start(tmp_path: Path) -> None:
    """The administrator's first free-for-all port counts, and 1024 where there is none."""
    (tmp_path / "start").write_text("80\n")
    assert unprivileged_start(str(tmp_path / "start")) == 80
    assert unprivileged_start(str(tmp_path / "missing")) == 1024


def test_port_0_tries_again(monkeypatch: pytest.MonkeyPatch, keep: Keep) -> None:
    """If the port that the system chose is taken in the other family, another is chosen."""
    refusals = iter([errno.EADDRINUSE, errno.EADDRINUSE])
    _refusing(monkeypatch, lambda family, _port: next(refusals, 0) if family == socket.AF_INET6 else 0)
    assert len(keep(bind_udp(spec(":0"))).sockets) == 2


def test_unix_socket_mode(tmp_path: Path) -> None:
    """A unix socket has its mode from the moment it exists, and the process's umask is as before."""
    before = os.umask(0o022)
    try:
        with bind_unix(tmp_path / "admin.sock") as sock:
            assert stat.S_IMODE((tmp_path / "admin.sock").stat().st_mode) == 0o600
            assert not sock.getblocking()
        with bind_unix(tmp_path / "other.sock", mode=0o660):
            assert stat.S_IMODE((tmp_path / "other.sock").stat().st_mode) == 0o660
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_unix_socket_left_behind(tmp_path: Path) -> None:
    """A socket file that nobody answers is replaced."""
    path = tmp_path / "admin.sock"
    bind_unix(path).close()
    assert path.is_socket()
    with bind_unix(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_unix_socket_in_use(tmp_path: Path) -> None:
    """A socket file that somebody answers is left alone, even when that program's queue is full."""
    path = tmp_path / "admin.sock"
    with bind_unix(path, backlog=0):
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))
            with pytest.raises(MachineError, match=r"admin\.sock"):
                bind_unix(path)
        assert path.is_socket()


def test_unix_path_that_is_a_file(tmp_path: Path) -> None:
    """Something that is not a socket is never removed."""
    path = tmp_path / "admin.sock"
    path.write_text("precious")
    with pytest.raises(MachineError, match="not a socket"):
        bind_unix(path)
    assert path.read_text() == "precious"


def test_unix_path_that_cannot_be(tmp_path: Path) -> None:
    """A path that is too long or has no directory is refused with the reason."""
    with pytest.raises(MachineError, match="longer than"):
        bind_unix(tmp_path / ("x" * 120))
    with pytest.raises(MachineError, match="No such file"):
        bind_unix(tmp_path / "missing" / "admin.sock")
    with pytest.raises(MachineError, match=r"--listen unix:/run/tailhub/relay\.sock"):
        bind_unix(tmp_path / "missing" / "relay.sock", option="--listen")


def test_descriptor_limit() -> None:
    """The soft limit is raised to the hard one and both values are told."""
    program = (
        "import resource; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, hard), hard))\n"
        "from tailhub.net.bind import raise_descriptor_limit as go\n"
        "print(go() == (min(64, hard), hard), go() == (hard, hard))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
    assert raise_descriptor_limit()[1] > 0


# --- one port for several workers -------------------------------------------------------------------------------------

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets")


@linux_only
def test_shares_are_the_same_port_and_all_listen(keep: Keep) -> None:
    """Each worker gets sockets of its own, on one port in both families, and connections come to all of them."""
    shares = [keep(share) for share in bind_tcp_shares(spec("127.0.0.1:0"), 3)]
    assert len({share.port for share in shares}) == 1
    assert len({sock.fileno() for share in shares for sock in share.sockets}) == 3
    clients = [socket.create_connection(("127.0.0.1", shares[0].port)) for _ in range(64)]
    accepted = [share for share in shares for _ in accept_all(share)]
    assert len(accepted) == len(clients)
    assert len({id(share) for share in accepted}) > 1
    for client in clients:
        client.close()


def accept_all(share: BoundSockets) -> Iterator[None]:
    """Once for each connection that waits."""
    while select.select(share.sockets, (), (), 0)[0]:
        sock, _ = share.sockets[0].accept()
        sock.close()
        yield


@linux_only
def test_shares_do_not_join_those_of_another_relay(keep: Keep) -> None:
    """A second relay is told that the port is taken, however many workers either has."""
    first = [keep(share) for share in bind_tcp_shares(spec("127.0.0.1:0"), 2)]
    for count in (1, 2):
        with pytest.raises(MachineError, match="is taken by"):
            bind_tcp_shares(spec(f"127.0.0.1:{first[0].port}"), count)


@linux_only
def test_the_wildcard_is_shared_in_both_families(keep: Keep) -> None:
    """Without a host each worker has a socket for each family that the machine has."""
    one, two = (keep(share) for share in bind_tcp_shares(spec(":0"), 2))
    assert one.families == two.families == bind_families(keep)


def bind_families(keep: Keep) -> frozenset[int]:
    """Those that this machine has."""
    return keep(bind_tcp(spec(":0"))).families
