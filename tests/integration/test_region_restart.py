"""Restarting a region's nodes one after the other, with real processes and clients that talk meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.planned_region import HOST, PlannedRegion, planned_region
from support.waiting import LIMIT_S, run, until
from tailhub import box
from tailhub.client import Connected, DERPClient, Disconnected, ReceivedPacket, RegionClient
from tailhub.tailcfg.derpmap import DERPNode

NAMES = ("a", "b", "c")
PAUSE_S = 0.02


def orders(directory: Path) -> dict[str, str]:
    """A command for each node that leaves a file for its manager."""
    return {name: f'restart = "touch {directory / name}"' for name in NAMES}


@contextlib.asynccontextmanager
async def managed(
    region: PlannedRegion, directory: Path, begins: Callable[[str], bool] = lambda name: True
) -> AsyncIterator[None]:
    """Stop and start a node when its file is there, as a service manager; `begins`: is it started again?"""

    async def manage() -> None:
        while True:
            for name in NAMES:
                if (directory / name).exists():
                    (directory / name).unlink()
                    await asyncio.to_thread(region.stop, name)
                    if begins(name):
                        await asyncio.to_thread(region.start, name)
            await asyncio.sleep(PAUSE_S)

    task = asyncio.create_task(manage())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def restart(region: PlannedRegion, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the command; its exit code, its lines, what it says of an error."""
    words = (sys.executable, "-m", "tailhub", "region", "restart", str(region.path), "--json", *options)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    said, error = await process.communicate()
    return process.returncode or 0, [json.loads(line) for line in said.splitlines()], error.decode()


async def connect(node: DERPNode) -> DERPClient:
    return await DERPClient.connect(HOST, node.derp_port, cert_name=node.cert_name)


class Pair:
    """Two clients at nodes that stay; the first one sends numbered packets, the second one notes which came."""

    def __init__(self, sender: DERPClient, receiver: DERPClient) -> None:
        self._sender, self._receiver = sender, receiver
        self.sent = 0
        self.came: list[int] = []
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]

    async def _send(self) -> None:
        while True:
            await self._sender.send(self._receiver.public_key, self.sent.to_bytes(4, "big"))
            self.sent += 1
            await asyncio.sleep(PAUSE_S)

    async def _receive(self) -> None:
        while True:
            message = await self._receiver.recv()
            if isinstance(message, ReceivedPacket):
                self.came.append(int.from_bytes(message.packet, "big"))

    async def end(self) -> None:
        """Send no more, and wait for what is on its way."""
        self._tasks[0].cancel()
        await asyncio.gather(self._tasks[0], return_exceptions=True)
        await until(lambda: self.came[-1:] == [self.sent - 1])
        self._tasks[1].cancel()
        await asyncio.gather(self._tasks[1], return_exceptions=True)


class Wanderer:
    """A client of the whole region that goes where it is served; all send to each other all the time."""

    def __init__(self, nodes: Sequence[DERPNode]) -> None:
        key = box.generate()
        self.key = box.public_key(key)
        self.client = RegionClient(nodes, private_key=key, backoff_min_s=0.05, backoff_max_s=0.5)
        self.cuts = 0
        self.heard: dict[bytes, int] = {}

    async def live(self, others: Sequence[Wanderer]) -> None:
        """Talk to these until cancelled."""

        async def send() -> None:
            while True:
                for other in others:
                    if other is not self:
                        await self.client.send(other.key, b"packet")
                await asyncio.sleep(PAUSE_S)

        sending = asyncio.create_task(send())
        try:
            was_in = False
            async for message in self.client:
                match message:
                    case Connected():
                        was_in = True
                    case Disconnected() if was_in:
                        self.cuts += 1
                        was_in = False
                    case ReceivedPacket(src):
                        self.heard[src] = self.heard.get(src, 0) + 1
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await self.client.close()


def test_one_node_restarts_and_others_do_not_notice(tmp_path: Path) -> None:
    """While one node restarts, every packet between clients of the two other nodes comes, once and in order."""
    with planned_region(tmp_path, NAMES, more=orders(tmp_path)) as region:

        async def scenario() -> None:
            async with (
                await connect(region.node("b")) as sender,
                await connect(region.node("c")) as receiver,
                managed(region, tmp_path),
            ):
                pair = Pair(sender, receiver)
                await until(lambda: bool(pair.came))
                code, lines, error = await restart(region, "--node", "a")
                assert (code, error) == (0, "")
                await pair.end()
                assert pair.came == list(range(pair.came[0], pair.sent))
                assert [line["phase"] for line in lines[:-1]] == ["begun", "ended", "back", "linked"]
                assert lines[-1] == {"done": ["a"], "left": [], "finding": None}

        run(scenario, 4 * LIMIT_S)


def test_all_nodes_restart_under_traffic(tmp_path: Path) -> None:
    """Each client is cut off only with the node that it is at, at most once for each restart, and all talk again."""
    with planned_region(tmp_path, NAMES, more=orders(tmp_path)) as region:
        nodes = [region.node(name) for name in NAMES]

        async def scenario() -> None:
            flock = [Wanderer(nodes[number:] + nodes[:number]) for number in range(3)]
            tasks = [asyncio.create_task(one.live(flock)) for one in flock]
            try:
                await until(lambda: all(len(one.heard) == 2 for one in flock))
                async with managed(region, tmp_path):
                    code, lines, error = await restart(region)
                assert (code, error) == (0, "")
                assert lines[-1]["done"] == list(NAMES)
                assert all(1 <= one.cuts <= 3 for one in flock), [one.cuts for one in flock]
                for one in flock:
                    one.heard.clear()
                await until(lambda: all(len(one.heard) == 2 for one in flock), LIMIT_S)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        run(scenario, 6 * LIMIT_S)


def test_it_stops_at_a_node_that_does_not_come_back(tmp_path: Path) -> None:
    """The nodes after it are left alone, and it says which those are, and why."""
    with planned_region(tmp_path, NAMES, more=orders(tmp_path)) as region:

        async def scenario() -> None:
            before = region.relays["c"].pid
            async with managed(region, tmp_path, begins=lambda name: name != "b"):
                code, lines, error = await restart(region, "--timeout", "4s", "--node", "b", "--node", "c")
            assert code == 1
            assert lines[-1] == {"done": [], "left": ["b", "c"], "finding": "TH594"}
            assert "TH594" in error
            assert region.relays["c"].pid == before

        run(scenario, 4 * LIMIT_S)


@pytest.mark.parametrize(
    ("command", "limit", "code", "name"),
    [('restart = "false"', "1m", 1, "TH592"), ('restart = "true"', "1s", 1, "TH593"), ("", "1m", 2, "TH596")],
    ids=["fails", "does nothing", "none"],
)
def test_a_node_that_is_not_restarted(tmp_path: Path, command: str, limit: str, code: int, name: str) -> None:
    """A command that fails or does nothing is told from a node that stays away; without one a person is needed."""
    with planned_region(tmp_path, NAMES[:2], more={"a": command, "b": 'restart = "true"'}) as region:

        async def scenario() -> None:
            found, lines, error = await restart(region, "--timeout", limit)
            assert found == code
            assert name in error
            assert lines[-1:] == ([{"done": [], "left": ["a", "b"], "finding": name}] if code == 1 else [])

        run(scenario, 2 * LIMIT_S)


def test_a_command_that_does_not_end(tmp_path: Path) -> None:
    """It is ended when its time is over, and what became of the node meanwhile is said as it is."""
    hangs = f"restart = \"sh -c 'touch {tmp_path / 'a'}; exec sleep 600'\""
    with planned_region(tmp_path, NAMES[:2], more={"a": hangs, "b": 'restart = "sleep 600"'}) as region:

        async def scenario() -> None:
            async with managed(region, tmp_path):
                code, lines, error = await restart(region, "--timeout", "4s", "--node", "a")
            assert (code, lines[-1]["finding"]) == (1, "TH593")
            assert "its process ended, and `sh -c" in error
            code, lines, error = await restart(region, "--timeout", "1s", "--node", "b")
            assert (code, lines[-1]["finding"]) == (1, "TH593")
            assert "found that it goes on, and so did `sleep 600`" in error

        run(scenario, 4 * LIMIT_S)


def test_a_region_that_is_not_whole_is_left_alone(tmp_path: Path) -> None:
    """With one node away, no other one is restarted."""
    with planned_region(tmp_path, NAMES, more=orders(tmp_path)) as region:

        async def scenario() -> None:
            await asyncio.to_thread(region.stop, "c")
            code, lines, error = await restart(region)
            assert code == 1
            assert lines == [{"done": [], "left": list(NAMES), "finding": "TH591"}]
            assert "901c" in error
            assert not (tmp_path / "a").exists()

        run(scenario, 2 * LIMIT_S)


def test_a_signal_stops_it_between_nodes(tmp_path: Path) -> None:
    """After Ctrl-C the node that is being restarted is waited for, and no other one is begun."""
    with planned_region(tmp_path, NAMES, more=orders(tmp_path)) as region:

        async def scenario() -> None:
            words = (sys.executable, "-m", "tailhub", "region", "restart", str(region.path))
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=pipe)
            await until((tmp_path / "a").exists, LIMIT_S)
            process.send_signal(2)
            async with managed(region, tmp_path):
                said, _ = await process.communicate()
            assert process.returncode == 130
            text = said.decode()
            assert "all links are up" in text
            assert "Restarted: a." in text
            assert "Not restarted: b, c." in text

        run(scenario, 3 * LIMIT_S)
