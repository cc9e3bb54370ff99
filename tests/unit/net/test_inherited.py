"""Sockets that were there before: who gets which."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from tailhub.net.bind import BoundSockets, bind_tcp_shares
from tailhub.net.inherited import shares_of
from tailhub.net.listen_spec import parse_listen


def test_as_many_as_workers_are_shared_out() -> None:
    """Where each worker had a socket of its own in the last run, each gets one again; else all get all."""
    spec = parse_listen("127.0.0.1:0", "--listen")
    assert spec is not None
    with ExitStack() as stack:
        made = [stack.enter_context(sock) for bound in bind_tcp_shares(spec, 2) for sock in bound.sockets]
        shares = shares_of(BoundSockets(tuple(made)), 2)
        assert [share.sockets for share in shares] == [(made[0],), (made[1],)]
        shares = shares_of(BoundSockets(tuple(made)), 3)
        for share in shares[1:]:
            stack.callback(share.close)
        assert [share.port for share in shares] == [made[0].getsockname()[1]] * 3
        assert [len(share.sockets) for share in shares] == [2, 2, 2]


def test_one_worker_gets_all() -> None:
    """A relay of one process serves whatever sockets there are."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        (share,) = shares_of(BoundSockets((one, other)), 1)
        assert share.sockets == (one, other)
