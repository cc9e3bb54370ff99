from __future__ import annotations

import asyncio
import socket

import pytest

from tailhub.admin import __main__ as program
from tailhub.admin.handover import Inherited, make_pair


async def run_until_it_ends(*, ends_channel: bool) -> None:
    """Run the program's part that serves, on sockets of ours."""
    channel, theirs = socket.socketpair()
    ours, handover = make_pair()
    listener = socket.create_server(("127.0.0.1", 0))
    # It owns what it is given, by number.
    inherited = Inherited(theirs.detach(), handover.detach(), (listener.detach(),))
    if ends_channel:
        asyncio.get_running_loop().call_later(0.01, channel.close)
    async with asyncio.timeout(10):
        await program.run(inherited)
    channel.close()
    ours.close()


def test_it_ends_with_its_channel() -> None:
    """When the relay is gone there is nothing to show."""
    asyncio.run(run_until_it_ends(ends_channel=True))


def test_it_ends_when_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some time without a request it makes room; the relay starts another one for whoever comes."""
    monkeypatch.setattr(program, "QUIET_S", 0.02)
    monkeypatch.setattr(program, "LOOK_S", 0.01)
    asyncio.run(run_until_it_ends(ends_channel=False))
