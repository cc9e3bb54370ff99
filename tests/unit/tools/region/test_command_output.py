"""What a command that restarts a node says, and how it is ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process

import pytest

from support.waiting import LIMIT_S, run
from tailhub.tools.region import command_output
from tailhub.tools.region.command_output import CommandOutput, end_session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="commands for a POSIX shell")


async def started(script: str) -> tuple[Process, CommandOutput]:
    output = CommandOutput()
    try:
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", script, stdin=DEVNULL, stdout=output.pipe, start_new_session=True
        )
    finally:
        output.begin()
    return process, output


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("echo first; echo; printf ' last \\n\\n'", "last"),
        (":", ""),
        ("printf '\\377\\033[31mred'", "\ufffd\x1b[31mred"),
        ("head -c 200000 /dev/zero | tr '\\0' x", 300 * "x" + "…"),
        ("head -c 200000 /dev/zero | tr '\\0' x; echo; echo last", "last"),
    ],
    ids=["lines", "nothing", "no text", "one long line", "much"],
)
def test_the_last_line(script: str, line: str) -> None:
    """It is the last with something in it, however much stood before; what it means to a terminal is no matter here."""

    async def scenario() -> None:
        process, output = await started(script)
        assert await process.wait() == 0
        assert await asyncio.to_thread(output.last_line) == line

    run(scenario, LIMIT_S)


def test_what_is_left_behind_is_not_waited_for() -> None:
    """A command has ended when it has, though something that it has begun keeps its output open."""

    async def scenario() -> None:
        process, output = await started("echo begun; sleep 600 & echo $!")
        assert await process.wait() == 0
        left = await asyncio.to_thread(output.last_line)
        os.kill(int(left), signal.SIGTERM)

    run(scenario, LIMIT_S)


def test_a_session_ends_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell waits for ends with it, also where it does not want to; one that has ended already is let be."""
    monkeypatch.setattr(command_output, "_GRACE_S", 0.2)

    async def scenario() -> None:
        for script in ("sleep 600; true", "trap '' TERM; sleep 600; sleep 600"):
            process, output = await started(script)
            await end_session(process)
            assert process.returncode
            assert await asyncio.to_thread(output.last_line) == ""
            await end_session(process)

    run(scenario, LIMIT_S)
