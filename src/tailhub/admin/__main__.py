"""The process of the operator's pages: ``python -m tailhub.admin --channel FD --handover FD [--listen FD …]``.

The relay starts it when somebody asks for a page (`tailhub.admin.handover` says with what). Signals are the relay's: it
ends when its channel does, and by itself when nobody has asked for anything for a while.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

from tailhub.admin.handover import Inherited

QUIET_S: Final = 900.0  # without a request, after which it ends
LOOK_S: Final = 30.0  # how often that is looked at


async def run(inherited: Inherited) -> None:
    """Serve until the relay is gone or nobody asks any more."""
    from tailhub.admin.pages import Pages
    from tailhub.admin.relay_link import RelayLink
    from tailhub.admin.serving import Serving
    from tailhub.admin.view import View

    gone = asyncio.Event()
    link = RelayLink(socket.socket(fileno=inherited.channel), View(), gone.set)
    pages = Pages(link)
    listeners = [socket.socket(fileno=number) for number in inherited.listen]
    serving = Serving(pages, listeners, socket.socket(fileno=inherited.handover))
    await serving.start()
    while not gone.is_set() and (serving.is_used or time.monotonic() - pages.asked_at < QUIET_S):
        try:
            async with asyncio.timeout(LOOK_S):
                await gone.wait()
        except TimeoutError:
            pass
    link.close()
    await serving.stop()


def main(arguments: Sequence[str]) -> None:
    """Run the process."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    asyncio.run(run(Inherited.parse(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
