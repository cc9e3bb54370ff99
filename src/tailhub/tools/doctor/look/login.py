"""Looks at whether the relay lets a client in, and what it tells one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from tailhub import box
from tailhub.client.derp_client import DERPClient
from tailhub.derp.messages import Health
from tailhub.exceptions import ConnectionClosedError
from tailhub.tools.doctor.judge.login import LoginSeen
from tailhub.tools.doctor.look.entry import can_enter, enter, sentence

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen

__all__ = ["look"]


async def look(seen: Seen, options: Options) -> LoginSeen:
    """Log in once."""
    if not can_enter(seen):
        return LoginSeen()
    entry = await enter(seen, options, options.private_key or box.generate())
    login = replace(entry.seen, is_thrown_away=options.private_key is None, must_be_admitted=options.must_be_admitted)
    if entry.client is None:
        return login
    try:
        return replace(login, notice=await _notice(entry.client, options.timeout_s))
    finally:
        await entry.client.close()


async def _notice(client: DERPClient, timeout_s: float) -> str:
    """What it tells us at once: all that comes before the answer to a ping."""
    text = ""
    with contextlib.suppress(TimeoutError, ConnectionClosedError):
        await client.ping(timeout_s)
        while True:
            async with asyncio.timeout(0):  # what has come already, and no more
                message = await client.recv()
            if isinstance(message, Health):
                text = sentence(message.text)
    return text
