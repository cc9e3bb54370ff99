"""The LocalAPI of a tailscaled, spoken by a fake on a real unix socket; the real one is in ``tests/interop``."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from support.verifiers import Respond, http_answer, unix_http_server
from support.waiting import run, until
from tailhub.relay.admission import AdmissionPolicy, Answer, Verdict
from tailhub.server.events import Events
from tailhub.server.gatekeeper import Decision
from tailhub.server.verification import Verification
from tailhub.verifiers.tailscaled import TailscaledVerifier, default_socket

KEY = bytes(range(32))
NODE = f"nodekey:{KEY.hex()}"
OTHER = "nodekey:" + "ab" * 32
ADDRESS = ip_address("192.0.2.7")
WHOIS = {
    "Node": {"Key": NODE, "Name": "laptop.tailnet.example.", "ID": 7},
    "UserProfile": {"LoginName": "a@x.example"},
}
GONE = http_answer(b"no match for IP:port", "404 Not Found")
OLD = http_answer(b"invalid 'addr' parameter", "400 Bad Request")


def status(state: str = "Running", own: str = OTHER, peers: tuple[str, ...] = ()) -> bytes:
    name = "desk.tailnet.example."
    nodes = {key: {"PublicKey": key, "DNSName": name, "Online": True, "UserID": 5} for key in (own, *peers)}
    whole = {"Version": "1.50.1", "BackendState": state, "Self": nodes[own]}
    whole |= {"Peer": {key: nodes[key] for key in peers}, "User": {"5": {"ID": 5, "LoginName": "b@example.com"}}}
    return json.dumps(whole).encode()


def answers(whois: bytes, whole: bytes = b"", state: bytes = b"") -> Respond:
    """A tailscaled by its three answers; without `state`, that of one which runs."""

    def respond(head: str, body: bytes) -> bytes:
        target = head.split(" ")[1]
        if target == f"/localapi/v0/whois?addr={NODE}":
            return whois
        if target == "/localapi/v0/status?peers=false":
            return state or http_answer(status())
        assert target == "/localapi/v0/status"
        return whole

    return respond


def ask(path: Path, respond: Respond) -> Verdict:
    async def scenario() -> Verdict:
        async with unix_http_server(path, respond) as script:
            found = await TailscaledVerifier(path).verify(KEY, ADDRESS)
        assert all("Host: local-tailscaled.sock\r\n" in head for head in script.heads)
        return found

    return run(scenario)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tailscaled.sock"


@pytest.mark.parametrize(
    ("respond", "expected", "node"),
    [
        (answers(http_answer(json.dumps(WHOIS).encode())), Answer.ADMITTED, "laptop.tailnet.example"),
        (answers(GONE), Answer.REFUSED, ""),
        (answers(GONE, state=http_answer(status("NeedsLogin"))), Answer.UNUSABLE, ""),
        (answers(OLD, http_answer(status(peers=(OTHER[:-1] + "c", NODE)))), Answer.ADMITTED, "desk.tailnet.example"),
        (answers(OLD, http_answer(status(own=NODE))), Answer.ADMITTED, "desk.tailnet.example"),
        (answers(OLD, http_answer(status())), Answer.REFUSED, ""),
        (answers(OLD, http_answer(status("Stopped"))), Answer.UNUSABLE, ""),
        (answers(OLD, http_answer(b"", "500 Internal Server Error")), Answer.UNUSABLE, ""),
    ],
)
def test_verdicts(respond: Respond, expected: Answer, node: str, path: Path) -> None:
    """Peers and the machine itself are admitted, by ``whois`` or, where that fails, by ``status``, with their names."""
    found = ask(path, respond)
    assert (found.answer, found.node) == (expected, node)
    assert found.owner == {"laptop": "a@x.example", "desk": "b@example.com"}.get(node.partition(".")[0], "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"Node":null}',
        b'{"Node":{"Key":7}}',
        b'{"Node":{"Key":"nodekey:00"}}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_whois_that_is_none(body: bytes, path: Path) -> None:
    """What cannot be understood, or is about another key, never admits: all keys are looked through then."""
    assert ask(path, answers(http_answer(body), http_answer(status()))).answer is Answer.REFUSED
    assert ask(path, answers(http_answer(body), http_answer(body))).answer is Answer.UNUSABLE


@pytest.mark.parametrize(
    "body",
    [
        b'{"More":' + b"[" * 100_000,
        b'{"BackendState":"Run\xe5ning"}',
        b'{"BackendState":7}',
        b'{"BackendState":"Running","Peer":[]}',
        b'{"BackendState":"Running","Peer":{"x":7}}',
    ],
)
def test_a_status_that_is_none(body: bytes, path: Path) -> None:
    """A list of peers of another form is no verdict."""
    found = ask(path, answers(OLD, http_answer(body)))
    assert found.answer is Answer.UNUSABLE
    assert found.detail.isprintable()


def test_nobody_listens(path: Path) -> None:
    """Without a socket, or with one that a tailscaled has left, it is unreachable; a probe says what to do."""

    async def scenario() -> None:
        verifier = TailscaledVerifier(path)
        assert (
            str(await verifier.verify(KEY, ADDRESS)) == f"tailscaled: unreachable ({path}: No such file or directory)"
        )
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(path))
        left.close()
        assert "Connection refused" in (await verifier.verify(KEY, ADDRESS)).detail
        finding = await verifier.probe(5.0)
        assert finding is not None
        assert finding.code == "TH210"
        assert "systemctl start tailscaled" in finding.render()

    run(scenario)


def test_the_socket_is_opened_by_its_path_each_time(path: Path) -> None:
    """A socket that was replaced is used at the next question."""

    async def scenario() -> None:
        verifier = TailscaledVerifier(path)
        async with unix_http_server(path, answers(GONE)):
            assert (await verifier.verify(KEY, ADDRESS)).answer is Answer.REFUSED
        async with unix_http_server(path, answers(http_answer(json.dumps(WHOIS).encode()))):
            assert (await verifier.verify(KEY, ADDRESS)).answer is Answer.ADMITTED

    run(scenario)


def test_a_socket_that_is_gone_or_dead_is_named_while_the_relay_runs(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When the socket is deleted, or nobody listens on it, the log names it with its remedy, once; then its return."""
    caplog.set_level(logging.INFO, "tailhub")
    respond = answers(http_answer(json.dumps(WHOIS).encode()))

    async def scenario() -> None:
        events = Events(asyncio.get_running_loop())
        verification = Verification([TailscaledVerifier(path)], AdmissionPolicy(), events, 5.0)
        decisions: list[Decision] = []

        async def admits() -> bool:
            count = len(decisions)
            verification.ask(KEY, ADDRESS, decisions.append)
            await until(lambda: len(decisions) > count)
            return decisions[-1].admits

        async with unix_http_server(path, respond):
            assert await admits()
        path.unlink(missing_ok=True)  # noqa: ASYNC240  of a temporary directory
        for _ in range(2):
            assert not await admits()
        await until(lambda: f"No tailscaled answers at {path}: No such file or directory" in caplog.text)
        async with unix_http_server(path, respond):  # a new one, at the same path
            assert await admits()
        left = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)  # noqa: ASYNC240  of a temporary directory
        left.bind(str(path))
        left.close()
        assert not await admits()
        await until(lambda: f"No tailscaled answers at {path}: Connection refused" in caplog.text)
        events.stop()

    run(scenario)
    assert caplog.text.count("No such file or directory. ") == 1
    assert caplog.text.count("verifier tailscaled answers again") == 1


def test_probe(path: Path) -> None:
    """A tailscaled that is connected to its tailnet is fine; one that is not is named with its state."""

    async def scenario() -> None:
        verifier = TailscaledVerifier(path)
        async with unix_http_server(path, answers(b"")):
            assert await verifier.probe(5.0) is None
        async with unix_http_server(path, answers(b"", state=http_answer(status("NeedsLogin")))):
            finding = await verifier.probe(5.0)
            assert finding is not None
            assert (finding.code, "NeedsLogin" in finding.render()) == ("TH211", True)

    run(scenario)


def test_silence_is_found_by_a_probe(path: Path) -> None:
    """A tailscaled that accepts and says nothing is told of after the time that a probe has."""

    async def scenario() -> None:
        async with unix_http_server(path, lambda head, body: None):
            finding = await TailscaledVerifier(path).probe(0.05)
        assert finding is not None
        assert "no answer in time" in finding.render()

    run(scenario)


def test_one_list_for_all_who_need_it(path: Path) -> None:
    """Those who ask while the whole list is being read get the same one; it is read once."""

    async def scenario() -> None:
        respond = answers(OLD, http_answer(status(own=NODE)))
        async with unix_http_server(path, respond) as script:
            verifier = TailscaledVerifier(path)
            found = await asyncio.gather(*(verifier.verify(KEY, ADDRESS) for _ in range(5)))
            assert {verdict.answer for verdict in found} == {Answer.ADMITTED}
            lists = [head for head in script.heads if head.startswith("GET /localapi/v0/status ")]
            assert len(lists) < 5

    run(scenario)


def test_default_sockets() -> None:
    """Each platform's tailscaled has its place."""
    assert default_socket("linux") == Path("/var/run/tailscale/tailscaled.sock")
    assert default_socket("darwin") == Path("/var/run/tailscaled.socket")
