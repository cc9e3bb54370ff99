"""Notices to users: told to those who are in and to who comes, kept over a restart, taken back."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from support.client_checks import next_message
from support.relay_process import RelayProcess
from support.scripted_relay import run as run_clients
from support.wire import Wire, open_client, relay, run
from tailhub.cli.app import run as tailhub
from tailhub.client import DERPClient, Health
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.relay.health import MOST_NOTICE_TEXT, MOST_NOTICES, Notice
from tailhub.server.client_teller import SLICE
from tailhub.server.notices import NOTICES, NoticeKeeper, read_notices


async def told(client: Wire) -> str:
    """The next text that a client gets."""
    frame_type, body = await client.frame()
    assert frame_type == FrameType.HEALTH
    return frames.parse_health(body)


def test_who_is_in_is_told_at_once_and_each_change_once() -> None:
    """Clients, more than are told in a turn, get a text when it is new, nothing when it is not, and an empty one when
    it is taken back.
    """

    async def scenario() -> None:
        async with relay() as server:
            clients = [await open_client(server) for _ in range(SLICE + 3)]
            for texts in (["one"], ["two"], ["two"], [], ["three"]):
                server.service.set_notices([Notice(text, 1.0) for text in texts])
            for client in clients:
                assert await told(client) == "three"
            late = await open_client(server)
            assert await told(late) == "three"
            server.service.set_notices([])
            for client in clients:
                assert await told(client) == ""

    run(scenario)


def test_a_notice_ends_by_itself(tmp_path: Path) -> None:
    """When its time is over clients are told no more, and a later start does not begin with it again."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            keeper = NoticeKeeper(tmp_path, server.service.set_notices)
            await keeper.put(Notice("soon over", time.time(), time.time() + 0.05))
            assert await told(client) == "soon over"
            while (text := await told(client)) != "":
                assert text == "soon over"
            keeper.close()
            assert read_notices(tmp_path, time.time() + 1) == []

    run(scenario)


def test_a_damaged_file_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A relay starts with whatever is in the file; what cannot be read is no notice, and the log says so."""
    kept = Notice("text", 1.0, None, "friends", b"\x01" * 32)
    assert read_notices(tmp_path, 0.0) == []
    for content in ("", "[]", "{}", '{"notices": [1]}', '{"notices": [{"text": 1}]}', "\x00", '{"notices": 5}'):
        (tmp_path / NOTICES).write_text(content)
        caplog.clear()
        assert read_notices(tmp_path, 0.0) == []
        assert NOTICES in caplog.text

    async def scenario() -> None:
        keeper = NoticeKeeper(tmp_path, lambda notices: None)
        await keeper.put(kept)

    run(scenario)
    assert read_notices(tmp_path, 0.0) == [kept]


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one-process", "two-workers"])
def test_by_the_command_and_over_a_restart(workers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`tailhub notice` tells those who are in and who comes, control characters made harmless; after a restart still;
    until it is taken back.
    """
    state = tmp_path / "state"

    def command(*words: str) -> str:
        assert tailhub(["notice", *words, "--state-dir", str(state), "--lang", "en"]) == 0
        return capsys.readouterr().out

    async def login(process: RelayProcess) -> DERPClient:
        return await DERPClient.connect("127.0.0.1", process.port, cert_name=process.pin)

    async def first(process: RelayProcess) -> None:
        async with await login(process) as client:
            command("Sunday\n10:00", "--for", "2h")
            assert await next_message(client) == Health("Sunday 10:00")
            command("only for you", "--key", client.public_key.hex())
            assert await next_message(client) == Health("only for you; Sunday 10:00")
            async with await login(process) as other:
                assert await next_message(other) == Health("Sunday 10:00")

    async def second(process: RelayProcess) -> None:
        async with await login(process) as client:
            assert await next_message(client) == Health("Sunday 10:00")
            command("--clear")
            assert await next_message(client) == Health("")

    for act in (first, second):
        with RelayProcess("--workers", workers, state_dir=state) as process:
            run_clients(act(process))
    with RelayProcess(state_dir=state):
        assert command() == "Users are told nothing.\n"
        command("x", "--for", "1h")
        assert command().startswith("everybody, until ")
        assert json.loads(command("--json"))["notices"][0]["text"] == "x"


def test_what_is_no_notice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Too long a text, a tenant that is not there, a key that nobody has, and more notices than there may be, are
    refused with what to do.
    """
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    entries = [{"text": "x", "at": 1, "until": None, "tenant": None, "key": f"{n:064x}"} for n in range(MOST_NOTICES)]
    (state / NOTICES).write_text(json.dumps({"notices": entries}))

    def refused(*words: str) -> str:
        assert tailhub(["notice", *words, "--state-dir", str(state), "--lang", "en"]) == 2
        return capsys.readouterr().err

    with RelayProcess(state_dir=state):
        assert "TH365" in refused("x" * (MOST_NOTICE_TEXT + 1))
        assert "TH310" in refused("text", "--tenant", "nobody")
        assert "TH290" in refused("text", "--key", "[AAAAA]")
        assert "TH366" in refused("text")
