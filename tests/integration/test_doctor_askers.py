"""Faults of whoever is asked about clients are produced here, and named with their own codes by the check on the relay.

A real tailscaled and a real Headscale are in ``tests/interop/test_doctor_askers_go.py``. Here the LocalAPI and
Tailscale's API are fakes that answer as theirs do; relays, sockets, mounts, rights and clients are real.

| fault | how it is produced | code |
| --- | --- | --- |
| 21 tailscaled away; logged out; too old | no socket; a LocalAPI that says so | TH210; TH211; TH451 |
| 21 no permission | a real directory and another user | TH210 |
| 21 stale mount of the socket's directory | a relay in a mount namespace; the directory is made anew | TH452 |
| 21 only the relay cannot ask | a relay in a mount namespace with something else there | TH456 |
| 21 verify URL down; answering HTML | nobody listens; a real server | TH212; TH453 |
| 21 open on failure | the setting, and nobody listens | TH213 |
| 24 one key in two places | two real clients | TH450 |
| 40 token expires soon; has expired; may not | the fake API | TH255; TH251; TH252 |
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support import require
from support.relay_process import RelayProcess
from support.tailscale_api import TOKEN, FakeTailscale, fake_tailscale
from support.verifiers import http_answer, http_server, unix_http_server
from support.waiting import run
from tailhub.client import DERPClient
from tailhub.keys import NodePrivate
from tailhub.tools.doctor.local import askers, duplicates
from tailhub.tools.doctor.local.context import Account, LocalContext, local_context
from tailhub.tools.report import Judgement, Outcome

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a relay's machine runs Linux")

OWN = "nodekey:" + "ab" * 32
NOBODY = Account("nobody", 65534, 65534)
STRANGER = http_answer(b"no match for IP:port", "404 Not Found")
TOO_OLD = http_answer(b"invalid 'addr' parameter", "400 Bad Request")
NO = http_answer(b'{"Allow":false}', "200 OK", "Content-Type: application/json")
PAGE = http_answer(b"<html><title>Welcome</title></html>", "200 OK", "Content-Type: text/html")


def localapi(state: str = "Running", whois: bytes = STRANGER) -> Callable[[str, bytes], bytes]:
    """A tailscaled in this state, which answers so about keys."""
    status = f'{{"Version":"1.30.0","BackendState":"{state}","Self":{{"PublicKey":"{OWN}"}}}}'.encode()

    def respond(head: str, body: bytes) -> bytes:
        target = head.split(" ")[1]
        return whois if target.startswith("/localapi/v0/whois?") else http_answer(status)

    return respond


@contextlib.asynccontextmanager
async def running(*options: str, prefix: Sequence[str] = ()) -> AsyncIterator[RelayProcess]:
    """A relay, started while this process goes on answering it."""
    relay = await asyncio.to_thread(RelayProcess, *options, prefix=prefix)
    try:
        await asyncio.to_thread(relay.__enter__)
        yield relay
    finally:
        await asyncio.to_thread(relay.stop)


async def context_of(relay: RelayProcess) -> LocalContext:
    return await asyncio.to_thread(local_context, None, relay.state_dir)


async def found_at(relay: RelayProcess) -> list[str]:
    """The codes that the check of this relay's verifiers gives."""
    return codes(await askers.check(await context_of(relay)))


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def configured(tmp_path: Path, text: str) -> LocalContext:
    """A relay that has never run, by its configuration."""
    file = tmp_path / "tailhub.toml"
    file.write_text(text)
    return local_context(str(file), tmp_path / "state")


def test_a_relay_and_those_that_it_asks(tmp_path: Path) -> None:
    """Each verifier that does not answer the relay is named, with what is wrong with it; one that answers is not."""
    sock = tmp_path / "tailscaled.sock"

    async def scenario() -> None:
        async with http_server(lambda head, body: NO) as (program, url):
            options = ("--verify-tailscaled", f"--verify-socket={sock}", f"--verify-url={url}")
            async with running(*options) as relay:
                async with unix_http_server(sock, localapi()) as tailscaled:
                    healthy = await askers.check(await context_of(relay))
                    assert codes(healthy) == []
                    assert {step.outcome for step in healthy.steps} == {Outcome.OK}
                    assert len(healthy.steps) == 2
                    program.respond = lambda head, body: PAGE
                    assert await found_at(relay) == ["TH453"]
                    program.respond = lambda head, body: http_answer(b"", "502 Bad Gateway")
                    assert await found_at(relay) == ["TH453"]
                    program.respond = lambda head, body: NO
                    tailscaled.respond = localapi("NeedsLogin")
                    assert await found_at(relay) == ["TH211"]
                    tailscaled.respond = localapi(whois=TOO_OLD)
                    assert await found_at(relay) == ["TH451"]
                sock.unlink(missing_ok=True)
                assert await found_at(relay) == ["TH210"]
                async with unix_http_server(sock, localapi()):
                    assert await found_at(relay) == []

    run(scenario)


@pytest.mark.parametrize("opens", [False, True])
def test_a_verify_url_that_is_down(opens: bool) -> None:
    """Where nobody is to be asked that is named, and beside it that everyone may relay then, if that is so."""

    async def scenario() -> None:
        words = ["--verify-url=http://127.0.0.1:1/verify"] + ["--verify-url-fail-open"] * opens
        async with running(*words) as relay:
            assert await found_at(relay) == ["TH212"] + ["TH213"] * opens

    run(scenario)


def test_without_a_relay_they_are_asked_from_here(tmp_path: Path) -> None:
    """Before a relay ever ran its verifiers are found by the configuration, and asked."""

    async def scenario() -> None:
        async with http_server(lambda head, body: PAGE) as (script, url):
            context = await asyncio.to_thread(configured, tmp_path, f'verify_url = "{url}"\n')
            assert codes(await askers.check(context)) == ["TH453"]
            script.respond = lambda head, body: NO
            assert codes(await askers.check(context)) == []
            assert '"NodePublic": "nodekey:' in script.bodies[-1].decode()

    run(scenario)


def test_a_socket_that_the_relays_user_may_not_open(tmp_path: Path) -> None:
    """Root can ask a tailscaled whose socket the relay's user may not open: that is named all the same."""
    require.root("another user's rights")
    sock = tmp_path / "tailscaled.sock"

    async def scenario() -> None:
        async with unix_http_server(sock, localapi()):
            text = f'verify_tailscaled = true\nverify_socket = ["{sock}"]\n'
            context = await asyncio.to_thread(configured, tmp_path, text)
            sock.chmod(0o600)
            mine = await askers.check(context)
            theirs = await askers.check(replace(context, account=NOBODY, is_me=False))
        assert codes(mine) == []
        assert codes(theirs) == ["TH210"]
        assert theirs.findings[0].values["denied"]

    run(scenario)


def in_namespace(command: str) -> tuple[str, ...]:
    """A prefix that runs a program in a mount namespace of its own, in which `command` has been run."""
    require.root("a mount namespace")
    return ("unshare", "--mount", "--propagation", "private", "sh", "-c", f'{command} && exec "$@"', "sh")


def test_a_directory_that_was_made_anew_behind_a_mount(tmp_path: Path) -> None:
    """A relay whose mount shows the directory of tailscaled's socket as it was is named, also from outside of it."""
    outside, inside = tmp_path / "run", tmp_path / "seen"
    inside.mkdir()
    options = ("--verify-tailscaled", f"--verify-socket={inside}/tailscaled.sock")

    async def scenario() -> None:
        outside.mkdir()
        async with (
            unix_http_server(outside / "tailscaled.sock", localapi()),
            running(*options, prefix=in_namespace(f"mount --bind {outside} {inside}")) as relay,
        ):
            assert await found_at(relay) == []
            shutil.rmtree(outside)  # as systemd does when tailscaled stops
            outside.mkdir()
            async with unix_http_server(outside / "tailscaled.sock", localapi()):
                judgement = await askers.check(await context_of(relay))
        assert codes(judgement) == ["TH452"]
        assert judgement.findings[0].values["directory"]

    run(scenario)


def test_what_only_the_relay_cannot_ask(tmp_path: Path) -> None:
    """A verifier that answers here and not the relay is named, with what the relay says."""
    directory = tmp_path / "run"
    directory.mkdir()
    options = ("--verify-tailscaled", f"--verify-socket={directory}/tailscaled.sock")

    async def scenario() -> None:
        async with (
            unix_http_server(directory / "tailscaled.sock", localapi()),
            running(*options, prefix=in_namespace(f"mount -t tmpfs none {directory}")) as relay,
        ):
            judgement = await askers.check(await context_of(relay))
        assert codes(judgement) == ["TH456"]
        assert "No such file" in str(judgement.findings[0].values["reason"])

    run(scenario)


def test_an_allow_list_with_nobody_on_it(tmp_path: Path) -> None:
    """A list that admits nobody, and lines that count for nothing, are named though the relay gets its answers."""
    allowed = tmp_path / "allowed"
    allowed.write_text("laptop\n")

    async def scenario() -> None:
        async with running(f"--allow-list={allowed}") as relay:
            assert await found_at(relay) == ["TH288"]
            allowed.write_text(f"nodekey:{'ab' * 32} laptop\nphone\n")
            assert await found_at(relay) == ["TH285"]
            allowed.write_text(f"nodekey:{'ab' * 32} laptop\n")
            assert await found_at(relay) == []

    run(scenario)


# --- credentials ------------------------------------------------------------------------------------------------------


@pytest.fixture
def fake() -> Iterator[FakeTailscale]:
    with fake_tailscale() as fake:
        yield fake


def credentials(fake: FakeTailscale, tmp_path: Path) -> Judgement:
    text = f'tailscale_token = "{TOKEN}"\ntailscale_api_url = "{fake.url}"\n'
    return asyncio.run(askers.check(configured(tmp_path, text)))


def test_a_token_that_expires(fake: FakeTailscale, tmp_path: Path) -> None:
    """A token that has months is fine, one that has days is named, and so is one that is not known any more."""
    well = credentials(fake, tmp_path)
    assert codes(well) == []
    assert [step.name for step in well.steps] == ["verifiers", "credentials"]
    fake.token_expires = f"{datetime.now(UTC) + timedelta(days=5):%Y-%m-%dT%H:%M:%SZ}"
    soon = credentials(fake, tmp_path)
    assert codes(soon) == ["TH255"]
    assert [step.outcome for step in soon.steps] == [Outcome.OK, Outcome.WARNING]
    fake.scopes = "dns:read"
    assert codes(credentials(fake, tmp_path)) == ["TH252"]
    fake.tokens = set()
    gone = credentials(fake, tmp_path)
    assert codes(gone) == ["TH251"]
    assert [step.outcome for step in gone.steps] == [Outcome.FAIL, Outcome.WARNING]


# --- one key in two places --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_one_key_in_two_places(workers: str) -> None:
    """A key that two clients use is named once that has lasted; before, it may be one client that came back."""
    key, other = NodePrivate(bytes(range(1, 33))), NodePrivate(bytes(range(2, 34)))

    async def scenario() -> None:
        async with running("--address=127.0.0.1", "--workers", workers) as relay, contextlib.AsyncExitStack() as stack:
            port, pin = await asyncio.to_thread(lambda: (relay.port, relay.pin))
            for one in (key, other):
                client = await DERPClient.connect("127.0.0.1", port, cert_name=pin, private_key=one)
                await stack.enter_async_context(client)
            context = await context_of(relay)
            assert context.relay is not None
            assert context.relay.checkup["duplicates"] == []
            assert codes(await duplicates.check(context)) == []
            second = await DERPClient.connect("127.0.0.1", port, cert_name=pin, private_key=key)
            await stack.enter_async_context(second)
            context = await context_of(relay)
            assert context.relay is not None
            seen = context.relay.checkup["duplicates"]
            assert [(row["connections"], row["addresses"]) for row in seen] == [(2, ["127.0.0.1"])]
            assert codes(await duplicates.check(context)) == []
            judgement = duplicates.judge(seen, settled_s=0.0)
            assert codes(judgement) == ["TH450"]
            assert seen[0]["short"] in str(judgement.findings[0])

    run(scenario)
