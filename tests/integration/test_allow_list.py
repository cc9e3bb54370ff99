"""Friends by an allow list, as an owner has it: the relay as a process, its commands, and real clients."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from support import require
from support.quick_relay import PROGRAM
from support.relay_process import RelayProcess, UnixConnection, until
from support.tailcat import Tailcat
from tailhub import box
from tailhub.cli.app import run
from tailhub.client import DERPClient
from tailhub.exceptions import TailhubError
from tailhub.keys import NodePrivate

STRANGER = f"nodekey:{'5a' * 32}"


def tailhub(*words: str, state_dir: Path, code: int = 0) -> str:
    """Run a command; what it printed, on standard error if it failed as it should."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        found = run([*words, "--state-dir", str(state_dir), "--lang", "en"])
    assert found == code, (out.getvalue(), error.getvalue())
    return error.getvalue() if code else out.getvalue()


def value(*words: str, state_dir: Path) -> Any:
    return json.loads(tailhub(*words, "--json", state_dir=state_dir))


def pending(state_dir: Path) -> list[dict[str, Any]]:
    rows = value("allow", "pending", state_dir=state_dir)["pending"]
    assert isinstance(rows, list)
    return rows


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tailcats(workers: str, tmp_path: Path) -> None:
    """One on the list works. One that is not is shown, let in without a restart, and cut off when it is taken off."""
    program = require.tailcat()
    state = tmp_path / "state"
    friend = Tailcat.make_key(program, tmp_path / "friend.private.json")
    tailhub("allow", "add", friend, "--name", "friend", state_dir=state)
    with RelayProcess("--allow-list", "on", "--workers", workers, state_dir=state) as relay:
        client = Tailcat(program, relay.map_url, tmp_path, key=tmp_path / "friend.private.json")
        with Tailcat(program, relay.map_url, tmp_path).listen() as listener:
            (row,) = until(lambda: pending(state), "a client is refused", relay.log)
            assert (row["address"], row["count"]) == ("127.0.0.1", 1)
            assert [answer["answer"] for answer in row["answers"]] == ["refused"]
            until(lambda: value("explain", row["key"], state_dir=state)["state"] == "held", "it is held", relay.log)
            assert client.ping(listener.address) is None

            said = tailhub("allow", "approve", str(row["id"]), "--name", "alice-phone", state_dir=state)
            assert said == f"{row['short']} is on the list as alice-phone and may relay.\n"
            until(lambda: relay.metric("tailhub_clients") == 1, "it comes in", relay.log)
            assert client.first_pong(listener.address) == "DERP(my-relay)"
            assert pending(state) == []
            assert value("explain", "alice-phone", state_dir=state)["state"] == "connected"

            tailhub("allow", "remove", "alice-phone", state_dir=state)
            until(lambda: relay.metric("tailhub_clients") == 0, "it is cut off", relay.log)
            (row,) = until(lambda: pending(state), "it is refused", relay.log)
            assert client.ping(listener.address) is None
    lines = (state / "allowed_keys").read_text().splitlines()
    assert lines[1:] == [f"{friend} friend"]


def test_a_file_that_somebody_edits(tmp_path: Path) -> None:
    """A file of one's own is read again when it changes; a bad line is told of, and costs nobody else anything."""
    program = require.tailcat()
    keys = tmp_path / "friends"
    keys.write_text("# nobody yet\n")
    with RelayProcess("--allow-list", str(keys)) as relay, Tailcat(program, relay.map_url, tmp_path).listen():
        (row,) = until(lambda: pending(relay.state_dir), "a client is refused", relay.log)
        keys.write_text(f"# mine\nnonsense\n{row['key']} alice\n")
        until(lambda: relay.metric("tailhub_clients") == 1, "it comes in", relay.log)
        assert f"{keys}, line 2: expected `nodekey:<64 hex digits> NAME" in relay.log()
        keys.write_text("# nobody any more\n")
        until(lambda: relay.metric("tailhub_clients") == 0, "it is cut off", relay.log)
        assert len(value("allow", "list", state_dir=relay.state_dir)["lists"][0]["keys"]) == 0


def test_a_file_that_goes(tmp_path: Path) -> None:
    """Whoever was on it stays, also at the next login, and the log says so; the commands tell it too."""
    program = require.tailcat()
    keys = tmp_path / "friends"
    friend = Tailcat.make_key(program, tmp_path / "friend.private.json")
    keys.write_text(f"{friend} friend\n")
    with RelayProcess("--allow-list", str(keys)) as relay:
        listed = value("allow", "list", state_dir=relay.state_dir)["lists"][0]
        assert [key["name"] for key in listed["keys"]] == ["friend"]
        keys.unlink()
        until(lambda: "cannot be read; its 1 keys from before go on" in relay.log(), "it is missed", relay.log)
        listed = value("allow", "list", state_dir=relay.state_dir)["lists"][0]
        assert [key["name"] for key in listed["keys"]] == ["friend"]
        assert str(keys) in listed["trouble"]
        asked = value("explain", friend, "--ask", state_dir=relay.state_dir)
        assert [answer["answer"] for answer in asked["answers"]] == ["admitted"]


def test_a_relay_without_a_list(tmp_path: Path) -> None:
    """The commands say what to set; who was refused can be seen all the same."""
    state = tmp_path / "state"
    with RelayProcess("--verify-url", "http://127.0.0.1:1/", state_dir=state):
        for words in (("list",), ("add", STRANGER), ("remove", STRANGER)):
            assert "allow_list = " in tailhub("allow", *words, state_dir=state, code=2)
        assert "tailhub relay --allow-list on" in tailhub("allow", "pending", state_dir=state)
    with RelayProcess(state_dir=state):
        assert "Everyone may relay" in tailhub("allow", "pending", state_dir=state)
        assert "everyone may relay" in tailhub("explain", STRANGER, state_dir=state)


def test_commands_without_a_relay(tmp_path: Path) -> None:
    """The list can be begun, shown and edited before the relay starts; what only a relay knows needs one."""
    state = tmp_path / "state"
    assert "allow list   0 keys" in tailhub("allow", "list", state_dir=state)
    assert "No relay runs here" in tailhub("allow", "add", STRANGER, "--name", "alice", state_dir=state)
    assert "alice" in tailhub("allow", "list", state_dir=state)
    other = f"nodekey:{'6b' * 32}"
    assert "TH292" in tailhub("allow", "add", other, "--name", "alice", state_dir=state, code=2)
    assert "has the place of" in tailhub("allow", "add", other, "--name", "alice", "--replace", state_dir=state)
    assert "TH290" in tailhub("allow", "remove", STRANGER, state_dir=state, code=2)
    tailhub("allow", "remove", "alice", state_dir=state)
    assert "allow list   0 keys" in tailhub("allow", "list", state_dir=state)
    assert "TH080" in tailhub("allow", "pending", state_dir=state, code=1)
    assert "TH080" in tailhub("explain", STRANGER, state_dir=state, code=1)


def test_config_check(tmp_path: Path) -> None:
    """It reads the list, and tells every line that is none."""
    keys = tmp_path / "friends"
    keys.write_text(f"alice\n{STRANGER} alice\n{STRANGER} again\n")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert run(["config", "check", "--lang", "en", "--allow-list", str(keys)]) == 0
    found = out.getvalue()
    assert "TH285" in found
    assert "TH286" in found
    assert "TH288" not in found


def test_bodies_of_calls(tmp_path: Path) -> None:
    """The API takes a body however it comes, once for each request, and none that is too long."""
    body = json.dumps({"key": STRANGER, "name": "alice"}).encode()
    with RelayProcess("--allow-list", "on") as relay:
        connection = UnixConnection(relay.state_dir / "admin.sock")
        try:
            connection.request("POST", "/api/v1/allow", iter([body[:9], body[9:]]), encode_chunked=True)
            response = connection.getresponse()
            assert json.loads(response.read())["allowed"]["name"] == "alice"
            connection.request("POST", "/api/v1/allow")
            response = connection.getresponse()
            assert (response.status, json.loads(response.read())["error"]["code"]) == (409, "TH290")
            connection.request("POST", "/api/v1/allow", b" " * 65_536 + body)
            assert connection.getresponse().status == 413
        finally:
            connection.close()
        assert relay.metric("tailhub_clients") == 0


@pytest.mark.parametrize(
    "workers", ["1", pytest.param("2", marks=pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"))]
)
def test_a_list_that_is_gone(tmp_path: Path, workers: str) -> None:
    """After a restart without the list whom it admitted is let in still, strangers are not; a new list counts alone."""
    state = tmp_path / "state"
    friend, other = (NodePrivate(bytes((number, *range(31)))) for number in (8, 16))
    text = f"nodekey:{box.public_key(friend).raw.hex()}"
    tailhub("allow", "add", text, "--name", "friend", state_dir=state)

    async def login(relay: RelayProcess, key: NodePrivate) -> bool:
        try:
            async with (
                asyncio.timeout(5),
                await DERPClient.connect("127.0.0.1", relay.port, private_key=key, cert_name=relay.pin),
            ):
                return True
        except (TailhubError, TimeoutError):
            return False

    options = ("--allow-list", "on", "--refuse", "close", "--workers", workers)
    with RelayProcess(*options, state_dir=state, program=PROGRAM) as relay:
        assert asyncio.run(login(relay, friend))
    (state / "allowed_keys").unlink()
    with RelayProcess(*options, state_dir=state, program=PROGRAM) as relay:
        assert asyncio.run(login(relay, friend))
        assert not asyncio.run(login(relay, other)), relay.log()
        until(lambda: "is not there any more" in relay.log(), "the log says so", relay.log)
        new = f"nodekey:{box.public_key(other).raw.hex()}"
        tailhub("allow", "add", new, "--name", "other", state_dir=state)
        assert asyncio.run(login(relay, other))
        assert not asyncio.run(login(relay, friend))
