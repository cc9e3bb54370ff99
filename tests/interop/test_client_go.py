"""Our client against the original relay: ``derper``, named by the environment variable DERPER or found in PATH."""

from __future__ import annotations

import os
import queue
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from support.client_checks import CHECKS, Check, RelayUnderTest
from support.scripted_relay import run
from tailhub.keys import MeshKey

pytestmark = pytest.mark.go

HOST = "127.0.0.1"
MESH_KEY = MeshKey(b"\xab" * 32)
START_LIMIT_S = 30.0


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayUnderTest]:
    program = os.environ.get("DERPER") or shutil.which("derper")
    if not program:
        pytest.skip("derper is not installed: go install tailscale.com/cmd/derper@v1.102.5, or set DERPER")
    directory = tmp_path_factory.mktemp("derper")
    (directory / "mesh.key").write_text(MESH_KEY.to_text() + "\n")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [program, "-a", f"{HOST}:{port}", "-http-port", "-1", "-stun=false", "-certmode", "manual",
         "-certdir", str(directory), "-hostname", HOST, "-c", str(directory / "derper.key"),
         "-mesh-psk-file", str(directory / "mesh.key")],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        pin = _pin_of(process)
        _wait_for_port(port)
        yield RelayUnderTest(HOST, port, pin, MESH_KEY)
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    end = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection((HOST, port)).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _pin_of(process: subprocess.Popen[str]) -> str:
    """The pin that derper prints once it has made its certificate; its output is read on, so that it never blocks."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stderr is not None
        with process.stderr as stream:
            for line in stream:
                lines.put(line)
        lines.put("")

    threading.Thread(target=read, name="derper's output", daemon=True).start()
    seen = ""
    while line := lines.get(timeout=START_LIMIT_S):
        seen += line
        if found := re.search(r"sha256-raw:[0-9a-f]{64}", line):
            return found[0]
    pytest.fail(f"derper ended without printing the pin of its certificate:\n{seen}")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_client_with_derper(relay: RelayUnderTest, check: Check) -> None:
    """Our client gets from the original relay what each check asks for."""
    run(check(relay))
