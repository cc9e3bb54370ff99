"""A program for `test_accept`: accepts connections with few descriptors, and says in JSON lines how it goes.

It prints its port first. Commands on standard input, each answered by one line with the counters: ``start`` accepting;
``limit N`` leaves room for N descriptors beside those of the start; ``close N`` closes N of the connections it holds;
``look``.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys

from tailhub.net.accept import Acceptor


async def main() -> None:
    loop = asyncio.get_running_loop()
    held: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    acceptor = Acceptor(loop, {listener: lambda sock, address: held.append(sock)})
    commands: asyncio.Queue[str] = asyncio.Queue()

    def read_commands() -> None:
        for line in os.read(0, 4096).decode().splitlines():
            commands.put_nowait(line)

    loop.add_reader(0, read_commands)
    in_use = os.dup(0)  # the first number that is free
    os.close(in_use)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    while True:
        word, *numbers = (await commands.get()).split()
        if word == "limit":
            resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + int(numbers[0]), hard))
        elif word == "start":
            acceptor.start()
        elif word == "close":
            for _ in range(int(numbers[0])):
                held.pop().close()
        counters = {"held": len(held), "accepted": acceptor.accepted, "exhausted": acceptor.exhausted}
        print(json.dumps(counters), flush=True)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
