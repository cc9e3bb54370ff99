"""``tailhub region restart``: restarts the nodes of a region one after the other, and says how far that is.

The texts are in `tailhub.cli.region_restart_texts`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tailhub.cli import output
from tailhub.cli.region_plan import described, plan_place
from tailhub.cli.region_restart_texts import TEXTS
from tailhub.cli.text_layout import display_width, pad
from tailhub.exceptions import LocalError, MachineError, UsageError
from tailhub.findings import Language, printable, region_restart
from tailhub.tailcfg.derpmap import DERPNode, parse_json
from tailhub.tools.region.description import NodeDescription, RegionDescription
from tailhub.tools.region.plan import MAP_FILE
from tailhub.tools.region.plan_directory import read_mesh_keys
from tailhub.tools.region.restart import Outcome, Phase, Restarting, only_restart

__all__ = ["restart"]


def restart(
    description: Path, directory: Path | None, names: Sequence[str], limit_s: float, *, as_json: bool, lang: Language
) -> int:
    """Restart all nodes, or those that are named; the exit code: 130 when it was told to stop before it was done."""
    region = described(description, as_json=False, lang=lang)
    place = plan_place(description, directory)
    nodes = _nodes(region, place)
    chosen = list(dict.fromkeys(names)) or [node.name for node in region.nodes]
    for name in chosen:
        if name not in nodes:
            raise UsageError(region_restart.no_such_node(name, list(nodes)))
    alone = [name for name in chosen if not nodes[name][0].restart]
    if alone and not sys.stdin.isatty():
        raise UsageError(region_restart.nobody_to_restart(alone))
    mesh_keys = read_mesh_keys(region, place)
    if not mesh_keys:
        raise MachineError(region_restart.no_plan_there(str(place), str(description)))
    with only_restart(place / MAP_FILE):
        say = _Saying(region, chosen, as_json=as_json, lang=lang)
        restarting = Restarting(nodes, mesh_keys, limit_s, say.phase, place)
        try:
            outcome = asyncio.run(_run(restarting, chosen, say))
        except asyncio.CancelledError:
            say.text("interrupted")
            return 130
    say.end(outcome)
    if outcome.finding is not None:
        raise MachineError(outcome.finding)
    return 130 if outcome.left else 0


def _nodes(region: RegionDescription, place: Path) -> dict[str, tuple[NodeDescription, DERPNode]]:
    """Each node as it is described, and as the plan's map has it. Raises `MachineError`."""
    try:
        found = parse_json((place / MAP_FILE).read_bytes()).regions.get(region.region_id)
    except (OSError, LocalError):
        found = None
    mapped = {node.name.removeprefix(str(region.region_id)): node for node in found.nodes} if found is not None else {}
    if mapped.keys() != {node.name for node in region.nodes}:
        raise MachineError(region_restart.no_plan_there(str(place), str(region.path)))
    return {node.name: (node, mapped[node.name]) for node in region.nodes}


async def _run(restarting: Restarting, names: Sequence[str], say: _Saying) -> Outcome:
    task = asyncio.ensure_future(restarting.run(names))
    interrupts = 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts == 1:
            restarting.stop()
            say.text("stopping")
        else:
            task.cancel()

    with contextlib.suppress(NotImplementedError):  # Windows, where Ctrl-C ends it at once
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
    return await task


class _Saying:
    """What is printed: a line for each step of a node, or JSON lines."""

    def __init__(self, region: RegionDescription, names: Sequence[str], *, as_json: bool, lang: Language) -> None:
        self._as_json = as_json
        self._words = TEXTS[lang]
        self._width = max(display_width(name) for name in names)
        if not as_json:
            words = self._words["begin"]
            output.write(words.format(id=region.region_id, code=region.code, names=", ".join(names)) + "\n")

    def phase(self, node: NodeDescription, phase: Phase, seconds: float) -> None:
        """How far a node is."""
        if self._as_json:
            self._line({"node": node.name, "phase": phase.value, "seconds": round(seconds, 3)})
            return
        key = "asked" if phase is Phase.BEGUN and not node.restart else phase.value
        text = self._words[key].format(seconds=seconds, command=printable(" ".join(node.restart)))
        output.write(f"{pad(node.name, self._width)}  {text}\n")

    def text(self, key: str) -> None:
        """Something about all of it."""
        if not self._as_json:
            output.write(self._words[key] + "\n")

    def end(self, outcome: Outcome) -> None:
        """What was done, and what not."""
        if self._as_json:
            code = outcome.finding.code if outcome.finding is not None else None
            self._line({"done": outcome.done, "left": outcome.left, "finding": code})
            return
        output.write(self._words["done"].format(done=", ".join(outcome.done) or self._words["nothing"]) + "\n")
        if outcome.left:
            output.write(self._words["left"].format(left=", ".join(outcome.left)) + "\n")

    def _line(self, value: object) -> None:
        output.write(json.dumps(value, ensure_ascii=False) + "\n")
