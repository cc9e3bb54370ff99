"""What a service of systemd tells its manager, and the sockets that it may be given. Nothing without systemd.

Sources: sd_notify(3), sd_listen_fds(3). Neither needs a library: a datagram, and descriptors from 3 on.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import MutableMapping, Sequence

__all__ = ["inherited_sockets", "notify"]

_FIRST_DESCRIPTOR = 3
_MOST_DESCRIPTORS = 64


def notify(environ: MutableMapping[str, str], state: str) -> None:
    """Tell the manager that asked for it (``Type=notify``) a `state` such as ``READY=1``.

    An error is nobody's to mend here: the manager sees that nothing came.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)


def inherited_sockets(environ: MutableMapping[str, str]) -> Sequence[socket.socket]:
    """The sockets that systemd opened for this process, empty without. The variables go: they are not for children."""
    count, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return ()
    found = []
    for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + min(int(count), _MOST_DESCRIPTORS)):
        with contextlib.suppress(OSError):  # no socket
            sock = socket.socket(fileno=descriptor)
            sock.setblocking(False)
            sock.set_inheritable(False)
            found.append(sock)
    return tuple(found)
