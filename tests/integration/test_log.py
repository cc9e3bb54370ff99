"""The log of a running relay in each of its forms, with one process and with several."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.logfmt import parse_logfmt
from support.relay_process import RelayProcess, UnixConnection, until
from support.scripted_relay import run
from tailhub import box
from tailhub.client import DERPClient
from tailhub.exceptions import ConnectionClosedError
from tailhub.keys import short_key

PARSERS: dict[str, Callable[[str], dict[str, Any]]] = {"logfmt": parse_logfmt, "json": json.loads}
ADA = box.generate()
KEY = box.public_key(ADA)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="several workers need Linux")


def visit(relay: RelayProcess, pin: str | None = None) -> None:
    """One client comes, sends two packets to nobody, and goes."""

    async def scenario() -> None:
        where = ("127.0.0.1", relay.port)
        async with await DERPClient.connect(*where, private_key=ADA, cert_name=pin or relay.pin) as client:
            for _ in range(2):
                await client.send(client.public_key, b"12345")
                await client.recv()

    run(scenario())


def lines_of(relay: RelayProcess, form: str, event: str) -> list[dict[str, Any]]:
    """The lines of an event so far. What starts in another way is of the first screen."""
    start = {"logfmt": "time=", "json": "{"}[form]
    found = [PARSERS[form](line) for line in relay.log().splitlines() if line.startswith(start)]
    return [line for line in found if line["event"] == event]


def tailhub(relay: RelayProcess, *words: str, code: int = 0) -> str:
    """What a command about the relay's log says."""
    command = [sys.executable, "-m", "tailhub", *words, "--state-dir", str(relay.state_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("form", PARSERS)
def test_login_and_logout_for_programs(form: str) -> None:
    """A login and a logout are a line each, with who, from where, how long, how much and why."""
    with RelayProcess("--log-format", form) as relay:
        visit(relay)
        (logout,) = until(lambda: lines_of(relay, form, "logout"), "the client has left", relay.log)
        (login,) = lines_of(relay, form, "login")
        for line in (login, logout):
            assert line["level"] == "info"
            assert line["time"].endswith("Z")
            assert (line["kind"], line["key"], line["address"]) == ("client", str(KEY), "127.0.0.1")
            assert 0 < int(line["port"]) < 65536
            assert short_key(KEY.raw) in line["msg"]
        assert (int(logout["received_bytes"]), int(logout["received_packets"])) == (10, 2)
        assert (int(logout["sent_bytes"]), int(logout["sent_packets"])) == (10, 2)
        assert 0 <= float(logout["duration_s"]) < 60
        assert logout["reason"]


@pytest.mark.parametrize("form", PARSERS)
def test_a_refusal_says_why(form: str, tmp_path: Path) -> None:
    """Who may not relay is a line with the verifier that said so."""
    allowed = tmp_path / "allowed"
    allowed.write_text("")
    with RelayProcess("--log-format", form, "--allow-list", str(allowed), "--refuse", "close") as relay:
        with pytest.raises(ConnectionClosedError):
            visit(relay)
        (line,) = until(lambda: lines_of(relay, form, "refused"), "it is refused", relay.log)
        assert (line["key"], line["why"]) == (str(KEY), "not admitted")
        assert line["verifier"] == "allow list"
        assert str(line["held"]).lower() == "false"


def test_the_level_is_held_to() -> None:
    """At the level warning a login leaves no line, until the command raises it."""
    with RelayProcess("--log-level", "warning") as relay:
        visit(relay)
        assert "Level: warning" in tailhub(relay, "log", "show")
        assert "login " not in relay.log()
        assert "Level: info" in tailhub(relay, "log", "level", "info")
        visit(relay)
        until(lambda: "login   client" in relay.log(), "the second login is there", relay.log)
        assert relay.log().count("login   client") == 1


def test_the_journal_form(tmp_path: Path) -> None:
    """Where standard error is systemd's journal, lines have their priority and no second time."""
    with RelayProcess(program=("-c", _AS_FOR_THE_JOURNAL)) as relay:
        visit(relay)
        until(lambda: "logout" in relay.log(), "the client has left", relay.log)
        lines = [line for line in relay.log().splitlines() if " client [" in line]
        assert lines
        assert all(line.startswith("<6>login   client [") for line in lines)


# systemd names the file behind the stream by device and inode; no other parent than itself could say it beforehand.
_AS_FOR_THE_JOURNAL = """
import os, sys
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
from tailhub.cli.app import run
sys.exit(run())
"""


def test_one_client_is_debugged_by_command() -> None:
    """The command shows the frames of the chosen key only, says for how long, and ends it again."""
    with RelayProcess("--log-format", "json") as relay:
        said = tailhub(relay, "log", "debug", str(KEY), "--for", "10m")
        assert f"Steps are logged of {KEY}, for 10 min more." in said
        visit(relay)
        seen = until(lambda: lines_of(relay, "json", "debug"), "its steps are there", relay.log)
        assert {line["key"] for line in seen} == {str(KEY)}
        assert tailhub(relay, "log", "show", "--json").count(str(KEY)) == 2
        assert "Nobody" in tailhub(relay, "log", "debug", str(KEY), "--off")
        assert "was not looked at" in tailhub(relay, "log", "debug", str(KEY), "--off")
        assert "TH350" in tailhub(relay, "log", "debug", "laptop", code=2)
        assert "TH270" in tailhub(relay, "log", "level", "loud", code=2)
        assert "TH301" in tailhub(relay, "log", "debug", str(KEY), "--for", "soon", code=2)


@linux_only
def test_with_several_workers() -> None:
    """Each line names its process, workers heed what the desk is told, and so does one that is started later."""
    with RelayProcess("--log-format", "logfmt", "--workers", "2") as relay:
        tailhub(relay, "log", "debug", str(KEY))
        for _ in range(4):
            visit(relay)
        until(lambda: len(lines_of(relay, "logfmt", "logout")) == 4, "the client has left", relay.log)
        assert {line["worker"] for line in lines_of(relay, "logfmt", "login")} <= {"w0", "w1"}
        assert [line["worker"] for line in lines_of(relay, "logfmt", "audit")] == ["desk"]
        children = psutil.Process(relay.pid).children()
        for child in children:
            if Path(f"/proc/{child.pid}/comm").read_text().startswith("tailhub-w"):
                os.kill(child.pid, signal.SIGKILL)
        ended = until(
            lambda: len(found := lines_of(relay, "logfmt", "worker")) == 2 and found, "both are told of", relay.log
        )
        assert isinstance(ended, list)
        assert {(line["process"], line["reason"]) for line in ended} == {
            ("w0", "was ended by SIGKILL"),
            ("w1", "was ended by SIGKILL"),
        }
        before = len(lines_of(relay, "logfmt", "debug"))

        def debugs_again() -> bool:
            visit(relay, relay.pin)
            return len(lines_of(relay, "logfmt", "debug")) > before

        until(debugs_again, "a new worker heeds it too", relay.log)


def events_of(relay: RelayProcess) -> list[dict[str, Any]]:
    """What the operator's pages have of the log."""
    found: list[dict[str, Any]] = json.loads(relay.get("/api/v1/events"))["events"]
    return found


@linux_only
def test_the_pages_have_the_lines_of_workers() -> None:
    """What any process has logged is among the recent events, with its fields."""
    with RelayProcess("--workers", "2") as relay:
        visit(relay)

        def logins() -> list[dict[str, Any]]:
            return [line for line in events_of(relay) if line["event"] == "login"]

        (login,) = until(logins, "the desk has learnt of it", relay.log)
        assert login["fields"]["worker"] in ("w0", "w1")
        assert login["fields"]["key"] == str(KEY)
        assert login["text"].startswith("login   client [")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_disk_stops_nobody(form: str) -> None:
    """A relay whose log cannot be written serves on, and the operator's pages have the lines all the same."""
    prefix = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh")
    with RelayProcess("--log-format", form, "--log-level", "debug", prefix=prefix) as relay:
        for _ in range(3):
            visit(relay)
        until(lambda: [line["event"] for line in events_of(relay)].count("logout") == 3, "they have left", relay.log)


def test_log_level_over_the_socket() -> None:
    """The operator's API on the unix socket answers the call itself."""
    with RelayProcess() as relay:
        connection = UnixConnection(relay.state_dir / "admin.sock")
        connection.request("PUT", "/api/v1/log-level", json.dumps({"level": "debug"}))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        assert answer == {"level": "debug", "debug": [], "ends_in_s": {}}
        visit(relay)
        until(lambda: "ClientInfo" in relay.log(), "everyone's steps are logged", relay.log)
