"""Restarts the nodes of a region one after the other: the next one only when the region is whole again. I/O.

A node is down as long as it takes to drain and to start; its clients go to the region's other nodes meanwhile, so no
second one may be down, nor may the others not know each other. That a node has ended is seen by a connection that was
held to it; that it is back, by a new login and the links of all to all.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from tailhub.client.derp_client import DERPClient
from tailhub.exceptions import ConnectionClosedError, MachineError, TailhubError
from tailhub.findings import Finding, region_restart
from tailhub.keys import MeshKey
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.region.command_output import CommandOutput, end_session
from tailhub.tools.region.description import NodeDescription
from tailhub.tools.region.look import connect_to_node, look_at_region
from tailhub.tools.region.plan import MAP_FILE, MESH_KEY
from tailhub.tools.region.seen import NodeSeen, RegionSeen

__all__ = ["Outcome", "Phase", "Restarting", "only_restart"]

LOOK_S = 0.25  # between looks at who is back
SETTLE_S = 7.0  # that a look waits for a link
STEP_S = 5.0  # for a connection or a login


class Phase(StrEnum):
    """How far one node is."""

    BEGUN = "begun"
    ENDED = "ended"  # its process is gone
    BACK = "back"
    LINKED = "linked"  # all have links to all again


OnPhase: TypeAlias = Callable[[NodeDescription, Phase, float], None]
"""Is told how far a node is, and how many seconds after its beginning."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Which nodes were restarted, which not (any more), and why it stopped; no finding: it was told to, or is done."""

    done: tuple[str, ...]
    left: tuple[str, ...]
    finding: Finding | None = None


@contextlib.contextmanager
def only_restart(plan_file: Path) -> Iterator[None]:
    """Keep a second restart of the same plan from beginning. Raises `MachineError`, but where nothing can be locked."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock

        file = plan_file.open("rb")
    except (ImportError, OSError):  # Windows; it has gone since it was read
        yield
        return
    with file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError as exc:
            raise MachineError(region_restart.restart_under_way(str(plan_file.parent))) from exc
        except OSError:  # a network file system without locks
            pass
        yield


class Restarting:
    """Of a region whose nodes are these, in the map and in its description.

    `limit_s` is for each node; `place` is the directory of the plan.
    """

    def __init__(
        self,
        nodes: Mapping[str, tuple[NodeDescription, DERPNode]],
        mesh_keys: Sequence[MeshKey],
        limit_s: float,
        on_phase: OnPhase,
        place: Path,
    ) -> None:
        self._nodes = nodes
        self._mesh_keys = mesh_keys
        self._limit_s = limit_s
        self._on_phase = on_phase
        self._files = str(place / MAP_FILE), str(place / MESH_KEY)
        self._is_stopped = False

    def stop(self) -> None:
        """Begin with no further node."""
        self._is_stopped = True

    async def run(self, names: Sequence[str]) -> Outcome:
        """Restart these nodes, in this order, until one fails."""
        seen = await self._look(SETTLE_S)
        if trouble := _trouble(seen):
            return Outcome((), tuple(names), region_restart.region_not_whole(trouble, *self._files))
        done: list[str] = []
        finding = None
        for name in names:
            if self._is_stopped:
                break
            try:
                await self._restart(*self._nodes[name])
            except MachineError as exc:
                finding = exc.finding if isinstance(exc.finding, Finding) else None
                break
            done.append(name)
        return Outcome(tuple(done), tuple(names[len(done) :]), finding)

    async def _look(self, settle_s: float) -> RegionSeen:
        nodes = [node for _, node in self._nodes.values()]
        return await look_at_region(nodes, self._mesh_keys, timeout_s=STEP_S, settle_s=settle_s)

    async def _restart(self, told: NodeDescription, node: DERPNode) -> None:
        """Raises `MachineError` if it does not come back."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        self._on_phase(told, Phase.BEGUN, 0.0)
        held = await self._hold(node)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(held.close)
            gone = loop.create_task(_until_closed(held))
            stack.callback(gone.cancel)
            command = loop.create_task(_command(told)) if told.restart else None
            if command is not None:
                stack.push_async_callback(_cancelled, command)
            try:
                async with asyncio.timeout(self._limit_s):
                    await _first_of(gone, command)
                    await gone
                    self._on_phase(told, Phase.ENDED, loop.time() - began_at)
                    if command is not None:
                        await command
            except TimeoutError as exc:
                # What was waited for when the time was over has been cancelled.
                is_running = command is not None and (not command.done() or command.cancelled())
                fault = region_restart.node_not_ended(
                    told.name,
                    round(self._limit_s),
                    " ".join(told.restart) if is_running else "",
                    has_ended=gone.done() and not gone.cancelled(),
                )
                raise MachineError(fault) from exc
        await self._wait_until_whole(told, node, began_at)

    async def _wait_until_whole(self, told: NodeDescription, node: DERPNode, began_at: float) -> None:
        loop = asyncio.get_running_loop()
        is_back = False
        while True:
            left_s = began_at + self._limit_s - loop.time()
            seen = await self._look(max(0.0, min(SETTLE_S, left_s)) if is_back else 0.0)
            (own,) = [one for one in seen.nodes if one.node is node]
            if own.is_mesh and not is_back:
                is_back = True
                self._on_phase(told, Phase.BACK, loop.time() - began_at)
            trouble = _trouble(seen)
            if not trouble:
                self._on_phase(told, Phase.LINKED, loop.time() - began_at)
                return
            if left_s <= 0:
                seconds = round(self._limit_s)
                if not is_back:
                    raise MachineError(region_restart.node_not_back(told.name, seconds, own.failure or trouble))
                raise MachineError(region_restart.node_not_linked(told.name, seconds, trouble, *self._files))
            await asyncio.sleep(LOOK_S)

    async def _hold(self, node: DERPNode) -> DERPClient:
        """A connection to a node as its mesh peer, which lasts as long as its process. Raises `MachineError`."""
        reason = ""
        for mesh_key in self._mesh_keys:
            try:
                client = await connect_to_node(node, mesh_key, STEP_S)
            except ConnectionClosedError as exc:
                reason = str(exc)
                continue
            try:
                # Who is no mesh peer is closed for asking this.
                await client.watch_conns()
                await client.ping(STEP_S)
            except (TailhubError, OSError) as exc:
                reason = str(exc)
                await client.close()
            else:
                return client
        raise MachineError(region_restart.region_not_whole(f"{node.name}: {reason}", *self._files))


async def _until_closed(client: DERPClient) -> None:
    with contextlib.suppress(ConnectionClosedError):
        while True:
            await client.recv()


async def _first_of(gone: asyncio.Task[None], command: asyncio.Task[None] | None) -> None:
    """Wait until the node is gone. Raises what the command does, if that ends before."""
    if command is not None:
        await asyncio.wait({gone, command}, return_when=asyncio.FIRST_COMPLETED)
        if command.done():
            command.result()


async def _command(told: NodeDescription) -> None:
    """Run the command that restarts a node. Raises `MachineError` if it says that it could not."""
    text, output = " ".join(told.restart), CommandOutput()
    try:
        # In a session of its own: Ctrl-C is for who restarts, not for a command that is half done.
        process = await asyncio.create_subprocess_exec(
            *told.restart, stdin=DEVNULL, stdout=output.pipe, stderr=STDOUT, start_new_session=True
        )
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise MachineError(region_restart.restart_command_failed(told.name, text, reason)) from exc
    finally:
        output.begin()
    try:
        await process.wait()
    except asyncio.CancelledError:
        await end_session(process)
        raise
    if process.returncode:
        line = await asyncio.to_thread(output.last_line)
        reason = f"exit status {process.returncode}" + (f": {line}" if line else "")
        raise MachineError(region_restart.restart_command_failed(told.name, text, reason))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _trouble(seen: RegionSeen) -> str:
    """What keeps the region from being whole, as text; empty: nothing."""
    broken = [f"{one.node.name}: {_fault(one)}" for one in seen.nodes if one.failure or not one.is_mesh]
    missing = [f"{one.node.name} -> {other.node.name}" for one, other in seen.missing_links()]
    return "; ".join([*broken, *missing])


def _fault(seen: NodeSeen) -> str:
    return seen.failure or "it does not take the mesh key"
