"""What a relay remembers beyond its own life, as processes: usage, who was admitted, who was refused."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.kept import is_kept
from support.quick_relay import PROGRAM
from support.relay_process import RelayProcess, get_page
from support.relay_process import until as wait_until
from support.scripted_relay import run
from support.verifiers import served_verdicts
from tailhub import box
from tailhub.client import DERPClient, Health, ReceivedPacket
from tailhub.exceptions import TailhubError
from tailhub.keys import NodePrivate, NodePublic

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

PACKET = bytes(1000)
WORKERS = ["1", pytest.param("2", marks=pytest.mark.skipif(sys.platform != "linux", reason="workers need Linux"))]


def quick_relay(*options: str, state_dir: Path) -> RelayProcess:
    """A relay that looks at its books many times a second."""
    return RelayProcess(*options, state_dir=state_dir, program=PROGRAM)


async def login(relay: RelayProcess, private: NodePrivate | None = None, *, wait: bool = True) -> DERPClient:
    """A client that is let in, or only knocks. Raises `TailhubError` if it waits and is not, after a while."""
    return await DERPClient.connect(
        "127.0.0.1", relay.port, private_key=private, cert_name=relay.pin, wait_admission=wait, timeout_s=5
    )


async def send(relay: RelayProcess, private: NodePrivate, packets: int) -> bytes:
    """Have the client with this key send so many packets to another one; the other's key."""
    async with AsyncExitStack() as stack:
        src = await stack.enter_async_context(await login(relay, private))
        dst = await stack.enter_async_context(await login(relay))
        for _ in range(packets):
            await src.send(dst.public_key, PACKET)
            while not isinstance(await dst.recv(), ReceivedPacket):
                pass
        return dst.public_key


def usage(state_dir: Path, by: str = "pair") -> list[dict[str, Any]]:
    """What ``tailhub usage`` says; nothing while there is no store."""
    words = [sys.executable, "-m", "tailhub", "usage", "--json", "--by", by, "--state-dir", str(state_dir)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["rows"] if done.returncode == 0 else []


@pytest.mark.parametrize("workers", WORKERS)
def test_usage_survives_a_kill(workers: str, tmp_path: Path) -> None:
    """What two devices used is in the store some seconds later, by pair; a kill loses nothing of that."""
    private = box.generate()
    expected = {"packets": 20, "in_bytes": 20 * len(PACKET), "out_bytes": 20 * len(PACKET)}

    def pairs(receiver: bytes) -> list[dict[str, Any]]:
        names = {"peer": str(NodePublic(receiver))}
        return [{name: row[name] for name in expected} for row in usage(tmp_path) if row.items() >= names.items()]

    with quick_relay("--workers", workers, state_dir=tmp_path) as relay:
        receiver = run(send(relay, private, 20))
        wait_until(lambda: pairs(receiver) == [expected], "usage is written", relay.log)
        if workers == "1":
            relay.stop(signal.SIGKILL)
    with RelayProcess("--workers", workers, state_dir=tmp_path) as relay:
        again = run(send(relay, private, 3))
    assert pairs(receiver) == [expected]
    assert [row["packets"] for row in pairs(again)] == [3]  # an orderly end writes what is left


def test_known_clients_work_while_their_verifier_is_away(tmp_path: Path) -> None:
    """A relay that is started again without any verifier lets in who was let in before, and no stranger."""
    private = box.generate()

    with served_verdicts({"Allow": "true"}) as url, quick_relay("--verify-url", url, state_dir=tmp_path) as relay:
        run(send(relay, private, 1))
        wait_until(lambda: is_kept(tmp_path, private), "the admission is written", relay.log)
        relay.stop(signal.SIGKILL)
    with RelayProcess("--verify-url", url, state_dir=tmp_path) as relay:

        async def scenario() -> None:
            async with await login(relay, private):
                pass
            async with await login(relay, wait=False) as stranger:
                assert isinstance(await stranger.recv(), Health)

        run(scenario())


def test_the_refused_are_listed_after_a_restart(tmp_path: Path) -> None:
    """Who was refused before a restart is still pending after it."""
    with served_verdicts({"Allow": "false"}) as url:

        def pending(relay: RelayProcess) -> list[Any]:
            rows = json.loads(get_page(relay.state_dir, "/api/v1/pending")[1])["pending"]
            assert isinstance(rows, list)
            return rows

        options = ("--verify-url", url, "--refuse", "close")
        with RelayProcess(*options, state_dir=tmp_path) as relay:
            with pytest.raises((TailhubError, OSError)):
                run(login(relay))
            (before,) = pending(relay)
        with RelayProcess(*options, state_dir=tmp_path) as relay:
            wait_until(lambda: pending(relay), "the refused are read", relay.log)
            (after,) = pending(relay)
    assert (after["key"], after["count"]) == (before["key"], 1)


@pytest.mark.parametrize("workers", WORKERS)
def test_a_quota_is_held_against_what_was_used_before(workers: str, tmp_path: Path) -> None:
    """A key that is over its monthly quota is refused, also after a restart; another one is not."""
    private = box.generate()
    options = (
        *("--workers", workers, "--quota-key-gb", "0.00001", "--quota-counts", "in", "--over-quota", "refuse"),
        *("--refuse", "close"),  # who is held finds out by waiting
    )

    async def refused(relay: RelayProcess) -> None:
        while True:
            try:
                async with await login(relay, private):
                    await asyncio.sleep(0.05)
            except (TailhubError, OSError):
                return

    with quick_relay(*options, state_dir=tmp_path) as relay:
        run(send(relay, private, 11))
        run(refused(relay))
    with quick_relay(*options, state_dir=tmp_path) as relay:
        run(refused(relay))
        run(send(relay, box.generate(), 1))
