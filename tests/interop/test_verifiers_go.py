"""Headscale's ``/verify`` and a real tailscaled say who may relay; real clients are let in or kept out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from support import require
from support.headscale import running_headscale
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from support.tailcat import Tailcat
from support.tailscaled import Tailscaled
from support.verifiers import served_verdicts
from tailhub.client import DERPClient
from tailhub.exceptions import ConnectionClosedError
from tailhub.keys import NodePrivate
from tailhub.relay.rechecks import SOON_S

pytestmark = pytest.mark.go

LIMIT_S = 30.0


@pytest.fixture
def tailscaled(tmp_path: Path) -> Iterator[Tailscaled]:
    """One that runs."""
    daemon = Tailscaled(tmp_path)
    daemon.start()
    yield daemon
    daemon.stop()


def logins(relay: RelayProcess, count: int) -> None:
    until(lambda: relay.metric("tailhub_logins_total") >= count, f"{count} logins", relay.log, LIMIT_S)


@pytest.mark.parametrize("way", ["headscale", "headscale-api", "tailscaled", "derper-both"])
def test_members_may_relay_and_strangers_may_not(way: str, tailscaled: Tailscaled, tmp_path: Path) -> None:
    """A node of the tailnet logs in by the word of headscale or a tailscaled; a tailcat, which is in none, does not.

    The list of headscale's nodes is read with a key that is made when the relay runs.
    """
    tailcat, port = require.tailcat(), free_ports()
    url = f"http://127.0.0.1:{port}/verify"
    state, sock = tmp_path / "derper", str(tailscaled.socket)
    key = tmp_path / "headscale-key"
    by_api = ("--headscale-url", f"http://127.0.0.1:{port}", "--headscale-api-key-file", str(key))
    state.mkdir()
    relays = {
        "headscale": partial(RelayProcess, "--address=127.0.0.1", "--verify-url", url),
        "headscale-api": partial(RelayProcess, "--address=127.0.0.1", *by_api),
        "tailscaled": partial(RelayProcess, "--address=127.0.0.1", "--verify-tailscaled", "--verify-socket", sock),
        "derper-both": partial(
            RelayProcess,
            *("-a=127.0.0.1:0", "-hostname=127.0.0.1", "-stun=false", "-certmode=manual", "-http-port=-1"),
            *("-c", str(state / "derper.key"), "-verify-clients", "-socket", sock, "-verify-client-url", url),
            command="derper",
            defaults=(),
            state_dir=state,
            environ={"TAILHUB_DISCOVER": "false", "TAILHUB_ADMIN_LISTEN": "127.0.0.1:0"},
        ),
    }
    with relays[way]() as relay, running_headscale(tmp_path, port, [f"{relay.map_url}?view=public"]) as headscale:
        key.write_text(headscale.make_api_key())
        tailscaled.join(headscale)
        logins(relay, 1)
        with Tailcat(tailcat, relay.map_url, tmp_path).listen():
            until(lambda: "  refused [" in relay.log(), "the stranger is refused", relay.log, LIMIT_S)
        assert relay.metric("tailhub_clients") == 1
        verdicts = [name for name in relay.metrics() if name.startswith("tailhub_verdicts_total{")]
        answers = {name.partition('answer="')[2].partition('"')[0] for name in verdicts}
        assert answers == {"admitted", "refused"}


def test_a_tailscaled_that_starts_again(tailscaled: Tailscaled, tmp_path: Path) -> None:
    """While tailscaled is away nobody is let in; its next socket, at the same path, is used without a restart."""
    port = free_ports()
    with (
        RelayProcess("--address=127.0.0.1", "--verify-tailscaled", f"--verify-socket={tailscaled.socket}") as relay,
        running_headscale(tmp_path, port, [f"{relay.map_url}?view=public"]) as headscale,
    ):
        tailscaled.join(headscale)
        logins(relay, 1)
        tailscaled.stop()
        with Tailcat(require.tailcat(), relay.map_url, tmp_path).listen():
            until(lambda: "tailscaled: unreachable" in relay.log(), "its absence is told", relay.log, LIMIT_S)
        tailscaled.start()
        logins(relay, 2)


def test_the_reason_stands_in_the_refused_ones_own_status(tailscaled: Tailscaled, tmp_path: Path) -> None:
    """A tailscaled that is refused reads why in ``tailscale status`` and logs in once, until its verifier is there."""
    port = free_ports(2)
    url = f"http://127.0.0.1:{port + 1}/verify"
    options = ("--address=127.0.0.1", "--verify-url", url, "--refuse-text", "Ask Ada about {key}.")
    with (
        RelayProcess(*options) as relay,
        running_headscale(tmp_path, port, [f"{relay.map_url}?view=public"]) as headscale,
    ):
        tailscaled.join(headscale)
        until(lambda: "Ask Ada about [" in tailscaled.status(), "it is told why", tailscaled.status, LIMIT_S)
        assert relay.metric("tailhub_held_connections") == 1
        with served_verdicts({"Allow": "true"}, port + 1):
            until(lambda: relay.metric("tailhub_logins_total"), "it is let in", relay.log, 2 * SOON_S)
            assert "held for" in relay.log()
            until(lambda: "Ask Ada" not in tailscaled.status(), "the reason is gone", tailscaled.status, LIMIT_S)
        assert relay.metric("tailhub_refused_total") == 1
        assert relay.metric("tailhub_logins_total") == 1


# --- the original's derper and ours, asked the same -------------------------------------------------------------------

KEY = NodePrivate(bytes(range(1, 33)))
ANSWERS = {
    "yes": (200, b'{"Allow":true}'),
    "yes-in-small-letters": (200, b'{"allow":true}'),
    "no": (200, b'{"Allow":false}'),
    "nothing": (200, b"{}"),
    "html": (200, b"<html>"),
    "text": (200, b'{"Allow":"true"}'),
    "error": (502, b'{"Allow":true}'),
    "created": (201, b'{"Allow":true}'),
    "closed": (0, b""),
}


@contextlib.contextmanager
def run_derper(program: Sequence[str], directory: Path, *words: str) -> Iterator[int]:
    """A ``derper`` without TLS; its port. `directory` is named after a derper: then ours keeps its state there too."""
    port = free_ports()
    directory.mkdir()
    key = str(directory / "derper.key")
    command = (*program, "-a", f"127.0.0.1:{port}", "-http-port=-1", "-stun=false", "-c", key, *words)
    environment = os.environ | {"TAILHUB_DISCOVER": "false", "TAILHUB_ADDRESS": "127.0.0.1", "TAILHUB_REFUSE": "close"}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(listens, "it listens", (directory / "log").read_text)
        yield port
    finally:
        process.terminate()
        process.wait()


async def is_let_in(port: int) -> bool:
    try:
        async with await DERPClient.connect("127.0.0.1", port, tls=False, private_key=KEY):
            return True
    except ConnectionClosedError:
        return False


def test_derper_and_ours_ask_the_same_and_conclude_the_same(tmp_path: Path) -> None:
    """Both send the same question, and let in or keep out the same client by every answer, also with nobody there."""
    asked: list[tuple[str, str, str | None, object]] = []
    answer = ANSWERS["yes"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.command, self.path, self.headers["Authorization"], body))
            status, text = answer
            if status:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its parent's name
            pass

    outcomes: dict[str, dict[str, bool]] = {}
    questions: dict[str, object] = {}
    programs = {"derper": (require.go_program("derper"),), "ours": (sys.executable, "-m", "tailhub", "derper")}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://me:secret@127.0.0.1:{server.server_port}/verify?tailnet=a"
        try:
            for name, program in programs.items():
                found = outcomes.setdefault(name, {})
                for rule in ("true", "false"):
                    flags = ("-verify-client-url", url, f"-verify-client-url-fail-open={rule}")
                    with run_derper(program, tmp_path / f"derper-{name}-{rule}", *flags) as port:
                        for case in ANSWERS:
                            answer = ANSWERS[case]
                            found[f"{case}, {rule}"] = asyncio.run(is_let_in(port))
                    flags = ("-verify-client-url", "http://127.0.0.1:1/", f"-verify-client-url-fail-open={rule}")
                    with run_derper(program, tmp_path / f"derper-{name}-{rule}-away", *flags) as port:
                        found[f"nobody there, {rule}"] = asyncio.run(is_let_in(port))
                questions[name] = asked[-1]
        finally:
            server.shutdown()
            thread.join()
    assert questions["ours"] == questions["derper"]
    assert outcomes["ours"] == outcomes["derper"]
    assert {case for case, is_in in outcomes["ours"].items() if is_in} >= {"yes, true", "yes, false"}
    assert not outcomes["ours"]["no, true"]
