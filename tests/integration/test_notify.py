"""Messages about a relay, from its own process to real receivers: what is told, once, and who has accepted it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from support.quick_relay import PROGRAM
from support.receivers import certificate_files, mail_server, served_json, webhook
from support.relay_process import RelayProcess, until
from support.scripted_relay import run
from support.tailscale_api import TOKEN, fake_tailscale
from support.verifiers import served_verdicts
from tailhub.client import DERPClient, ReceivedPacket
from tailhub.exceptions import TailhubError
from tailhub.keys import NodePrivate

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

SECRET = "hook"  # the path of a webhook, which nobody but it may see
WORKERS = ["1", pytest.param("2", marks=pytest.mark.skipif(sys.platform != "linux", reason="workers need Linux"))]


def quick_relay(*options: str, state_dir: Path, environ: Mapping[str, str] | None = None) -> RelayProcess:
    """A relay that looks at itself many times a second."""
    return RelayProcess(*options, state_dir=state_dir, program=PROGRAM, environ=environ)


def tailhub(*words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    command = [sys.executable, "-m", "tailhub", *words]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=inherited | {"LC_ALL": "C.UTF-8"} | (environ or {})
    )


def without_apprise(directory: Path) -> dict[str, str]:
    """An environment in which Python has no apprise."""
    (directory / "sitecustomize.py").write_text("import sys\nsys.modules['apprise'] = None\n")
    return {"PYTHONPATH": f"{directory}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


async def login(relay: RelayProcess, private: NodePrivate | None = None) -> DERPClient:
    """A client that is let in. Raises `TailhubError` or `OSError` when it is not."""
    return await DERPClient.connect(
        "127.0.0.1", relay.port, private_key=private, cert_name=relay.pin, wait_admission=True, timeout_s=2
    )


async def knock(relay: RelayProcess) -> bool:
    """Is somebody let in?"""
    try:
        async with await login(relay):
            return True
    except (TailhubError, OSError):
        return False


# --- what a relay tells -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", WORKERS)
def test_a_certificate_that_ends_soon(workers: str, tmp_path: Path) -> None:
    """A certificate with two days left is told once, also over a restart; that it was renewed is told, too."""
    with webhook() as hook:
        options = (*certificate_files(tmp_path, 2.5), "--notify", hook.url, "--workers", workers)
        with quick_relay(*options, state_dir=tmp_path / "state") as relay:
            message = until(lambda: hook.told("certificate expires"), "it is told", relay.log)
            assert message["title"] == "relay.test: certificate expires in 2 days"
            assert message["message"].startswith("The certificate for relay.test is good until ")
            assert message["type"] == "warning"
            assert SECRET not in relay.log().replace("webhook", "")
        with quick_relay(*options, state_dir=tmp_path / "state") as relay:
            certificate_files(tmp_path, 80)
            until(lambda: hook.told("certificate is good again"), "its end is told", relay.log)
    assert hook.titles == ["certificate expires in 2 days", "certificate is good again"]


def test_a_verifier_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """That a verifier does not answer, and that it answers again, is told, the latter without any login."""
    with webhook() as hook:
        with served_verdicts({"Allow": "true"}) as url:
            pass  # now nothing listens there
        port = int(url.rpartition(":")[2].partition("/")[0])
        with quick_relay("--verify-url", url, "--notify", hook.url, "--refuse", "close", state_dir=tmp_path) as relay:
            assert not run(knock(relay))
            message = until(lambda: hook.told("a verifier does not answer"), "it is told", relay.log)
            assert f"{url} has not answered" in message["message"]
            with served_verdicts({"Allow": "true"}, port):
                until(lambda: hook.told("a verifier answers again"), "its end is told", relay.log)
                assert run(knock(relay))
    assert hook.titles == ["a verifier does not answer", "a verifier answers again"]


@pytest.mark.parametrize("workers", WORKERS)
def test_a_quota_that_is_reached(workers: str, tmp_path: Path) -> None:
    """A key that uses up its quota is told, with what that costs, in Chinese where that is asked for."""

    async def send(relay: RelayProcess) -> None:
        async with AsyncExitStack() as stack:
            src = await stack.enter_async_context(await login(relay))
            dst = await stack.enter_async_context(await login(relay))
            for _ in range(12):
                await src.send(dst.public_key, bytes(1000))
                while not isinstance(await dst.recv(), ReceivedPacket):
                    pass

    with webhook() as hook:
        options = (
            *("--quota-key-gb", "0.00001", "--quota-counts", "in", "--workers", workers),
            *("--price-per-gb", "100000", "--currency", "EUR", "--notify", hook.url, "--notify-language", "zh"),
        )
        with quick_relay(*options, state_dir=tmp_path) as relay:
            run(send(relay))
            message = until(lambda: next(iter(hook.received), None), "it is told", relay.log)
    assert message["title"].endswith("的配额已用完")
    assert "费用 1.20 EUR" in message["message"]
    assert len(hook.received) == 1


def test_a_credential_that_is_refused(tmp_path: Path) -> None:
    """An API's 401 is told with what to do, and that it is over; that is no verifier that does not answer."""
    with webhook() as hook, fake_tailscale() as api:
        api.tokens.clear()
        options = ("--tailscale-api-url", api.url, "--verify-refresh-s", "5", "--refuse", "close", "--notify", hook.url)
        environ = {"TAILHUB_TAILSCALE_TOKEN": TOKEN}
        with quick_relay(*options, state_dir=tmp_path, environ=environ) as relay:
            assert not run(knock(relay))
            message = until(lambda: hook.told("credential is not accepted"), "it is told", relay.log)
            assert "does not accept the credential" in message["message"]
            assert TOKEN not in json.dumps(hook.received)
            api.tokens.add(TOKEN)
            assert not run(knock(relay))  # is not on the list
            until(lambda: hook.told("credential is good again"), "its end is told", relay.log)
    assert hook.titles == ["credential is not accepted", "credential is good again"]


def test_a_credential_that_expires_soon(tmp_path: Path) -> None:
    """The end of a credential is told ahead."""
    from datetime import UTC, datetime, timedelta

    with webhook() as hook, fake_tailscale() as api:
        api.token_expires = f"{datetime.now(UTC) + timedelta(days=2, hours=12):%Y-%m-%dT%H:%M:%SZ}"
        options = ("--tailscale-api-url", api.url, "--refuse", "close", "--notify", hook.url)
        environ = {"TAILHUB_TAILSCALE_TOKEN": TOKEN}
        with quick_relay(*options, state_dir=tmp_path, environ=environ) as relay:
            assert not run(knock(relay))
            message = until(lambda: hook.told("credential expires in 2 days"), "it is told", relay.log)
    assert "Make an OAuth client" in message["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="workers need Linux")
def test_workers_that_end_again_and_again(tmp_path: Path) -> None:
    """Three ends of workers within minutes are told."""

    def worker(relay: RelayProcess) -> int | None:
        done = subprocess.run(
            ["ps", "-o", "pid=,comm=", "--ppid", str(relay.pid)], capture_output=True, text=True, check=False
        )
        return next((int(line.split()[0]) for line in done.stdout.splitlines() if "tailhub-w0" in line), None)

    with webhook() as hook, quick_relay("--workers", "2", "--notify", hook.url, state_dir=tmp_path) as relay:
        ended: set[int] = set()
        while len(ended) < 3:
            pid = until(lambda: (one := worker(relay)) not in ended and one, "a worker runs", relay.log)
            until(lambda: relay.metric("tailhub_worker_restarts_total") >= len(ended), "it is counted", relay.log)
            os.kill(pid, signal.SIGKILL)
            ended.add(pid)
        message = until(lambda: hook.told("workers end again and again"), "it is told", relay.log)
    assert message["message"].startswith("3 workers ended")


def test_a_newer_version(tmp_path: Path) -> None:
    """A newer version in the package index is told once, also over a restart."""
    with webhook() as hook, served_json({"info": {"version": "99.1.0"}}) as index:
        options = ("--update-check", "--update-index", index.url, "--notify", hook.url)
        with quick_relay(*options, state_dir=tmp_path / "state") as relay:
            until(lambda: hook.told("tailhub 99.1.0 is there"), "it is told", relay.log)
        with quick_relay(*options, *certificate_files(tmp_path, 2.5), state_dir=tmp_path / "state") as relay:
            until(lambda: hook.told("certificate expires"), "it has looked again", relay.log)
    assert hook.titles == ["tailhub 99.1.0 is there", "certificate expires in 2 days"]
    assert index.asked == 1  # it is asked once a day


def test_a_receiver_that_is_away(tmp_path: Path) -> None:
    """A message that is not accepted is one line in the log, without the address, and disturbs nobody."""
    with webhook() as hook:
        hook.status = 500
        options = (*certificate_files(tmp_path, 2.5), "--notify", hook.url)
        with quick_relay(*options, state_dir=tmp_path / "state") as relay:
            until(lambda: "could not be sent by 1 (json)" in relay.log(), "it is told in the log", relay.log)
            assert relay.log().count("could not be sent") == 1
            assert "/hook" not in relay.log()
            assert relay.get("/healthz").strip() == b"ok"
            hook.status = 200


def test_the_relay_never_imports_apprise(tmp_path: Path) -> None:
    """What takes 40 MB is in the program that sends, not in the relay, also when that has sent something."""
    with webhook() as hook:
        options = (*certificate_files(tmp_path, 2.5), "--notify", hook.url)
        environ = {"PYTHONPROFILEIMPORTTIME": "1"}
        with quick_relay(*options, state_dir=tmp_path / "state", environ=environ) as relay:
            until(lambda: hook.told("certificate expires"), "it is told", relay.log)
            log = relay.log()
        assert "tailhub.alerts.rules" in log
        assert not re.search(r"\| +apprise", log)


def test_without_apprise_the_relay_runs(tmp_path: Path) -> None:
    """Where apprise is not installed the relay runs and says in its log what to install."""
    options = (*certificate_files(tmp_path, 2.5), "--notify", "ntfy://topic")
    with quick_relay(*options, state_dir=tmp_path / "state", environ=without_apprise(tmp_path)) as relay:
        until(lambda: "pip install 'tailhub[notify]'" in relay.log(), "it is told", relay.log)
        assert relay.get("/healthz").strip() == b"ok"


# --- trying it out ----------------------------------------------------------------------------------------------------


def test_notify_test() -> None:
    """The command sends a message to every target, says of each whether it was accepted; 1 if one was not."""
    with webhook() as hook, mail_server() as mail:
        targets = ("--notify", hook.url, "--notify", hook.ntfy_url, "--notify", mail.url)
        done = tailhub("notify", "test", *targets)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == ["1 (json): accepted", "2 (ntfy): accepted", "3 (mailto): accepted"]
        assert hook.told("test message")
        assert [one["topic"] for one in hook.received if "topic" in one] == ["topic"]
        (letter,) = mail.mails
        assert str(letter["Subject"]).endswith(": test message")
        hook.status = 503
        done = tailhub(
            "notify", "test", *targets, "--event", "quota", "--lang", "zh", environ={"LC_ALL": "zh_CN.UTF-8"}
        )
        assert done.returncode == 1
        first, second, third = done.stdout.splitlines()
        assert first.startswith("1 (json)：未被接受：")
        assert second.startswith("2 (ntfy)：未被接受：")
        assert third == "3 (mailto)：已接受"
        assert str(mail.mails[-1]["Subject"]).endswith("的配额已用 80 %")


def test_notify_test_shows_no_secret(tmp_path: Path) -> None:
    """What an address has of user, password, host and path is in no line, whatever goes wrong."""
    with webhook() as hook:
        hook.status = 401
        file = tmp_path / "notify"
        file.write_text(
            f"# mine\njson://ada:hunter2@127.0.0.1:{hook.port}/deep/secret?x=very\n\nbark://devicekey@127.0.0.1:1\n"
        )
        file.chmod(0o600)
        done = tailhub("notify", "test", "--notify-file", str(file))
        assert done.returncode == 1
        shown = done.stdout + done.stderr
        assert [line.partition(":")[0] for line in shown.splitlines()] == ["1 (json)", "2 (bark)"]
        for word in ("ada", "hunter2", "deep", "secret", "very", "devicekey", str(hook.port)):
            assert word not in shown


def test_nobody_to_tell() -> None:
    """Without anybody to send to, or with an event that is none, the command says so and exits with 2."""
    for words, code in (((), "TH347"), (("--event", "weather"), "TH270"), (("--notify", "me"), "TH345")):
        done = tailhub("notify", "test", *words)
        assert (done.returncode, f"[{code}]" in done.stderr) == (2, True), done.stderr


def test_without_apprise_the_command_says_so(tmp_path: Path) -> None:
    """Where apprise is not installed both commands say what to install."""
    environ = without_apprise(tmp_path)
    done = tailhub("notify", "test", "--notify", "ntfy://topic", environ=environ)
    assert (done.returncode, "[TH344]" in done.stderr, "pipx inject tailhub apprise" in done.stderr) == (1, True, True)
    done = tailhub("config", "check", "--notify", "ntfy://topic", "--json", environ=environ)
    assert (done.returncode, [one["code"] for one in json.loads(done.stdout)["findings"]]) == (1, ["TH344"])


def test_config_check(tmp_path: Path) -> None:
    """A service that does not exist, an empty file and one that others can read are found, and no address is shown."""
    empty, open_to_all = tmp_path / "empty", tmp_path / "open"
    empty.write_text("# nobody\n")
    open_to_all.write_text("ntfy://topic\ncarrierpigeon://coop42\n")
    open_to_all.chmod(0o644)
    for words, codes in (
        (("--notify", "ntfy://topic,foo://topic"), ["TH345"]),
        (("--notify", "mailto://u:p@example.com?to=a@b.example,c@d.example"), []),
        (("--notify-file", str(empty)), ["TH348"]),
        (("--notify-file", str(tmp_path / "none")), ["TH047"]),
        (("--notify-file", str(open_to_all)), ["TH345", "TH049"]),
        (("--update-check",), ["TH347"]),
    ):
        done = tailhub("config", "check", "--json", *words)
        assert [one["code"] for one in json.loads(done.stdout)["findings"]] == codes, words
        assert "coop42" not in done.stdout


def test_config_show_keeps_addresses_secret() -> None:
    """Neither form of ``tailhub config show`` has anything of an address."""
    for form in ((), ("--json",)):
        done = tailhub("config", "show", *form, "--notify", "ntfy://one", "--notify", "bark://two@host")
        assert "(secret)" in done.stdout
        assert not {"ntfy://one", "two@", "one,"} & set(done.stdout.split())
        assert "bark" not in done.stdout
