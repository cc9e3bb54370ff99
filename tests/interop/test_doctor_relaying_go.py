"""The original's derper, looked at as `tailhub doctor` does: logging in and relaying.

| fault | how it is produced here | code |
| --- | --- | --- |
| none | a derper | |
| 20 login closes after ClientInfo | `-verify-clients` without a tailscaled; a verify URL that says no | TH400, TH409 |
| 23 limited by the relay | `-rate-config`: this derper holds back and announces nothing | |
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import require
from support.ports import free_ports
from support.relaying import Said, check
from support.scripted_relay import run
from support.server_process import until
from support.verifiers import served_verdicts
from tailhub import box
from tailhub.tools.report import Outcome

pytestmark = pytest.mark.go

RATE = {"PerClientRateLimitBytesPerSec": 1_000_000, "PerClientRateBurstBytes": 100_000}


@contextlib.contextmanager
def derper(directory: Path, *words: str) -> Iterator[int]:
    """A derper with TLS and a certificate of its own; its port."""
    port = free_ports()
    command = (
        *(require.go_program("derper"), "-a", f"127.0.0.1:{port}", "-http-port=-1", "-stun=false"),
        *("-certmode", "manual", "-certdir", str(directory), "-hostname", "127.0.0.1"),
        *("-c", str(directory / "derper.key"), *words),
    )
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens, "it listens", log.read_text)
        yield port
    finally:
        process.kill()
        process.wait()


def test_a_healthy_derper(tmp_path: Path) -> None:
    """It gives no finding, and nothing is lost in its queue of 32 packets."""
    with derper(tmp_path) as port:
        said = run(check(port, packets=100))
    assert said.codes == []
    assert (said.seen.packets.sent, said.seen.packets.received) == (210, 210)


def refused(port: int, *, must_be_admitted: bool) -> Said:
    return run(check(port, private_key=box.generate(), must_be_admitted=must_be_admitted))


@pytest.mark.parametrize("way", ["tailscaled", "url"])
def test_a_derper_that_lets_nobody_in(way: str, tmp_path: Path) -> None:
    """It closes without a word: a note, and an error of a key that should be let in."""
    with contextlib.ExitStack() as stack:
        words = ["-verify-clients", "-socket", str(tmp_path / "no.sock")]
        if way == "url":
            verdicts = stack.enter_context(served_verdicts({"Allow": "false"}))
            words = ["-verify-client-url", verdicts]
        port = stack.enter_context(derper(tmp_path, *words))
        said = refused(port, must_be_admitted=False)
        assert said.codes == ["TH400"]
        assert said.steps["login"].outcome is Outcome.OK
        assert refused(port, must_be_admitted=True).codes == ["TH409"]


def test_a_derper_with_a_limit(tmp_path: Path) -> None:
    """It holds back what is too much and tells nobody: neither loss nor delay is made of that."""
    config = tmp_path / "rate.json"
    config.write_text(json.dumps(RATE))
    with derper(tmp_path, "-rate-config", str(config)) as port:
        said = run(check(port, packets=50))
    assert [code for code in said.codes if code != "TH407"] == []
    assert said.seen.packets.received == said.seen.packets.sent
