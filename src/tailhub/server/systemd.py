"""What a service of systemd tells its manager, and the sockets that it is given and gives. Nothing without systemd.

Sources: sd_notify(3), sd_listen_fds(3), sd_notify_barrier(3). None needs a library: datagrams, and descriptors from 3
on.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator, MutableMapping, Sequence
from typing import NamedTuple

__all__ = ["Inherited", "inherited_sockets", "keep_sockets", "notify", "release_sockets"]

_FIRST_DESCRIPTOR = 3
_MOST_DESCRIPTORS = 64  # the unit's FileDescriptorStoreMax, too
_KEPT = "tailhub"  # FDNAME of what we gave; a socket unit's are named after it
_RELEASE = f"FDSTOREREMOVE=1\nFDNAME={_KEPT}"
_RELEASE_S = 5.0


class Inherited(NamedTuple):
    """Sockets that were there before this process: a socket unit's, and those that were kept (`keep_sockets`)."""

    units: Sequence[socket.socket] = ()
    kept: Sequence[socket.socket] = ()


def notify(environ: MutableMapping[str, str], state: str, descriptors: Sequence[int] = ()) -> None:
    """Tell the manager that asked for it (``Type=notify``) a `state` such as ``READY=1``.

    An error is nobody's to mend here: the manager sees that nothing came.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        socket.send_fds(sock, [state.encode()], descriptors)


@contextlib.contextmanager
def reloading(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Tell the manager that the configuration is read again, and when that is over (``Type=notify-reload``)."""
    notify(environ, f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
    try:
        yield
    finally:
        notify(environ, "READY=1")


def keep_sockets(environ: MutableMapping[str, str], sockets: Sequence[socket.socket]) -> None:
    """Have the manager keep these, and no others, for the process that it starts after this one.

    They listen on while there is no process, so who comes in between waits and is not refused. It lets them go when the
    service is stopped.
    """
    notify(environ, _RELEASE)
    if sockets:
        # Of a socket and its copies one is enough.
        descriptors = {os.fstat(sock.fileno()).st_ino: sock.fileno() for sock in sockets}
        notify(environ, f"FDSTORE=1\nFDNAME={_KEPT}", list(descriptors.values())[:_MOST_DESCRIPTORS])


def release_sockets(environ: MutableMapping[str, str]) -> None:
    """Have the manager close what it keeps, and wait until it has, so that ports can be bound in another way."""
    notify(environ, _RELEASE)
    reader, writer = os.pipe()
    notify(environ, "BARRIER=1", [writer])  # it closes that when it has done what it was told before
    os.close(writer)
    select.select([reader], [], [], _RELEASE_S)
    os.close(reader)


def inherited_sockets(environ: MutableMapping[str, str]) -> Inherited:
    """The sockets that systemd has for this process. The variables go: they are not for children."""
    count, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return Inherited()
    inherited: dict[bool, list[socket.socket]] = {False: [], True: []}
    for number in range(min(int(count), _MOST_DESCRIPTORS)):
        with contextlib.suppress(OSError):  # no socket
            sock = socket.socket(fileno=_FIRST_DESCRIPTOR + number)
            sock.setblocking(False)
            sock.set_inheritable(False)
            inherited[names[number : number + 1] == [_KEPT]].append(sock)
    return Inherited(units=inherited[False], kept=inherited[True])
