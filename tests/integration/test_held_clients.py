"""A real client that is refused: it waits quietly, is let in where it waits, works, and is cut when that is over."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from support import require
from support.guarded import Guard, door_of
from support.tailcat import Tailcat
from support.waiting import run, until
from support.wire import relay
from tailhub.relay.admission import Answer

LIMIT_S = 120.0
LISTENING = {"stun_listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "addresses": ("127.0.0.1",)}


def test_a_tailcat_that_is_refused_then_let_in_then_cut(tmp_path: Path) -> None:
    """It logs in once, and not again while it is held; when its key is known it answers pings; then it is cut."""
    program = require.tailcat()
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()

    async def scenario() -> None:
        async with relay(**LISTENING) as server:
            guard, context = Guard(server), server.context
            script, verification = guard.script, guard.verification
            script.always = Answer.REFUSED
            door, registry = door_of(server), context.relay.registry
            assert server.listeners.admin is not None
            map_url = f"http://127.0.0.1:{server.listeners.admin.port}/derpmap.json?view=local"
            pinger = Tailcat(program, map_url, tmp_path / "other")
            with contextlib.ExitStack() as stack:
                listening = Tailcat(program, map_url, tmp_path / "one").listen()
                listener = await asyncio.to_thread(stack.enter_context, listening)
                await until(lambda: len(door.held), LIMIT_S)
                (held,) = door.held
                accepted = server.service.acceptor.accepted
                stranger = await asyncio.to_thread(pinger.ping, listener.address)
                assert stranger is None
                assert held in door.held
                assert script.asked.count(held.key) == 1
                assert server.service.acceptor.accepted - accepted <= 2  # the pinger's own
                script.always = Answer.ADMITTED
                verification.changed({held.key})
                await until(lambda: registry.of_key(held.key), LIMIT_S)
                assert door.outcomes["admitted"] == 1
                assert context.relay.home_connections == 1
                pong = await asyncio.to_thread(pinger.first_pong, listener.address)
                assert pong == "DERP(my-relay)"
                script.always = Answer.REFUSED
                verification.changed({held.key})
                await until(lambda: not registry.of_key(held.key), LIMIT_S)
                await until(lambda: door.held.of_key(held.key) is not None, LIMIT_S)

    run(scenario, 2 * LIMIT_S)
