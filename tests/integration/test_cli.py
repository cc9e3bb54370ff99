"""``tailhub`` as a process, treated badly: a mistake is answered in a line, never by a traceback; a relay lives on."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.how_to import PAGES, blocks, blocks_for
from support.relay_process import LIMIT_S, LOOPBACK, RelayProcess, until
from tailhub.client.stun import stun_query

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

TAILHUB = (sys.executable, "-m", "tailhub")


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayProcess]:
    """A relay that has an address to tell."""
    with RelayProcess("--address", "203.0.113.7") as running:
        yield running


def tailhub(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        (*TAILHUB, *words),
        **{"capture_output": True, "text": True, "env": environment, "timeout": LIMIT_S, "check": False, **options},
    )


def shell(line: str, *arguments: str, ignored: tuple[signal.Signals, ...] = ()) -> subprocess.Popen[str]:
    """Start a shell line with ``"$@"`` as the arguments."""

    def before() -> None:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    return subprocess.Popen(
        ("sh", "-c", line, "sh", *arguments),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,
        start_new_session=True,
    )


def answers(state_dir: Path) -> bool:
    """Does the relay with this state directory answer?"""
    return tailhub("derpmap", "--state-dir", str(state_dir)).returncode == 0


def end(process: subprocess.Popen[str], number: int) -> tuple[int, str]:
    """Send a signal; the exit code and what was on standard error."""
    process.send_signal(number)
    _, error = process.communicate(timeout=LIMIT_S)
    return process.returncode, error


# --- a relay that runs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", [">/dev/full", ">&- 2>&- <&-", "| :"])
def test_relay_without_output(tmp_path: Path, output: str) -> None:
    """A relay whose output is full, closed, or a pipe that nobody reads, relays all the same."""
    if "full" in output and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    line = f'exec "$@" {output}' if "|" not in output else f'trap "" PIPE; "$@" {output}; wait'
    words = (*TAILHUB, "relay", *LOOPBACK, "--address", "203.0.113.7", "--state-dir", str(tmp_path))
    process = shell(line, *words)
    try:
        until(lambda: answers(tmp_path), "the relay answers")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        _, error = process.communicate(timeout=LIMIT_S)
    assert "Traceback" not in error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_relay_ends_tidily(tmp_path: Path, number: signal.Signals) -> None:
    """On SIGTERM and SIGINT a relay ends with code 0 and removes its socket."""
    with RelayProcess(state_dir=tmp_path) as running:
        assert (tmp_path / "admin.sock").exists()
        assert running.stop(number) == 0
    assert not (tmp_path / "admin.sock").exists()


def test_nohup(tmp_path: Path) -> None:
    """A relay that was started with SIGHUP ignored, as by ``nohup``, does not mind it."""
    words = (*TAILHUB, "relay", *LOOPBACK, "--address", "203.0.113.7", "--state-dir", str(tmp_path))
    process = shell('exec "$@" >/dev/null', *words, ignored=(signal.SIGHUP,))
    try:
        until(lambda: answers(tmp_path), "the relay answers")
        process.send_signal(signal.SIGHUP)
        assert answers(tmp_path)
    finally:
        code, _ = end(process, signal.SIGTERM)
    assert code == 0


def test_modes(tmp_path: Path) -> None:
    """Whatever the umask, state and socket are for their owner only."""
    before = os.umask(0)
    try:
        with RelayProcess(state_dir=tmp_path / "deep" / "state") as running:
            files = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in running.state_dir.iterdir()}
            directory = stat.S_IMODE(running.state_dir.stat().st_mode)
    finally:
        os.umask(before)
    names = ("admin.sock", "derper.key", "listeners.json", "lock", "operator.token", "pinned.crt", "pinned.key")
    assert files == dict.fromkeys((*names, "probe.key"), 0o600)
    assert directory == 0o700


def test_second_relay(relay: RelayProcess) -> None:
    """A second relay on the same state is refused with name and process id of the first."""
    done = tailhub("relay", *LOOPBACK, "--state-dir", str(relay.state_dir))
    assert done.returncode == 1
    assert f"-m tailhub (pid {relay.pid})" in done.stderr
    assert done.stderr.count("\n") == 1


def test_two_starts_at_once(tmp_path: Path) -> None:
    """Of relays that start on new state at the same moment one runs; the others are refused and change nothing."""
    words = (*TAILHUB, "relay", *LOOPBACK, "--address", "203.0.113.7", "--state-dir", str(tmp_path))
    processes = [shell('exec "$@" >/dev/null', *words) for _ in range(3)]
    try:
        until(lambda: sum(process.poll() is None for process in processes) == 1, "two have ended")
        until(lambda: answers(tmp_path), "one answers")
    finally:
        running = [process for process in processes if process.poll() is None]
        ends = [end(process, signal.SIGTERM) for process in processes if process in running]
    assert [code for code, _ in ends] == [0]
    for process in processes:
        if process not in running:
            assert process.returncode == 1
            assert "is in use by" in process.communicate()[1]


# --- derpmap ----------------------------------------------------------------------------------------------------------


def test_map_while_the_address_is_looked_for(tmp_path: Path) -> None:
    """Asked right after the start, `derpmap` waits for the address instead of saying that there is none."""
    with RelayProcess("--address", "203.0.113.7", state_dir=tmp_path):
        done = tailhub("derpmap", "--state-dir", str(tmp_path))
    assert done.returncode == 0
    assert '"HostName": "203.0.113.7"' in done.stdout


def test_map_to_a_reader_who_has_enough(relay: RelayProcess) -> None:
    """A closed pipe ends `derpmap` without a word."""
    process = shell('"$@" | :', *TAILHUB, "derpmap", "--state-dir", str(relay.state_dir))
    assert process.communicate(timeout=LIMIT_S)[1] == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_map_to_a_full_disk(relay: RelayProcess) -> None:
    """Output that cannot be written is an error of one line."""
    with Path("/dev/full").open("w") as full:
        done = tailhub(
            "derpmap", "--state-dir", str(relay.state_dir), capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert "[TH081]" in done.stderr
    assert done.stderr.count("\n") == 1


# --- files ------------------------------------------------------------------------------------------------------------


def test_from_a_directory_that_is_gone(tmp_path: Path) -> None:
    """Relative paths below a directory that was removed are an error of one line."""
    (tmp_path / "gone").mkdir()
    line = 'cd "$1" && rmdir "$1" && shift && exec "$@" >/dev/null'
    words = (*TAILHUB, "relay", *LOOPBACK, "--state-dir", "x")
    process = shell(line, str(tmp_path / "gone"), *words)
    _, error = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert error.startswith("tailhub: ")
    assert error.count("\n") == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
def test_files_of_others(tmp_path: Path) -> None:
    """A state directory that this user may not enter is an error of one line, and not one of usage."""
    tmp_path.chmod(0o700)

    def become_nobody() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)

    try:
        done = tailhub("relay", *LOOPBACK, "--state-dir", str(tmp_path), preexec_fn=become_nobody, cwd="/")
    except PermissionError:
        pytest.skip("others may not run this Python")
    if "Permission denied" in done.stderr or "No module" in done.stderr:
        pytest.skip("others may not run this Python")
    assert done.returncode == 1
    assert "[TH041]" in done.stderr
    assert done.stderr.count("\n") == 1


def test_listen_off_leaves_a_stun_server() -> None:
    """With ``--listen off`` STUN answers, no relay listens, and the map says STUNOnly."""
    with RelayProcess("--listen", "off", "--address", "203.0.113.7") as running:
        node = running.node()
        assert node["STUNOnly"] is True
        assert "DERPPort" not in node
        assert running.metric("tailhub_tcp_accepted_total") == 0
        answer = asyncio.run(stun_query("127.0.0.1", running.stun_port))
        assert answer.address == "127.0.0.1"
        until(lambda: "STUN server only" in running.log(), "the screen says so", running.log)


# --- dashboard --------------------------------------------------------------------------------------------------------


def test_the_dashboards_link(relay: RelayProcess) -> None:
    """`dashboard` prints the link of the relay that runs: its port, and the token that may ask everything."""
    (command,) = blocks_for(__file__, "dashboard.md")
    done = tailhub(*command.split()[1:], "--state-dir", str(relay.state_dir))
    link = next(line.strip() for line in done.stdout.splitlines() if line.startswith("  http://"))
    base, token = link.split("#token=")
    assert base == f"http://127.0.0.1:{relay.admin_port}/"
    from_elsewhere = {"X-Forwarded-For": "192.0.2.9"}
    for headers, status in ((from_elsewhere, 401), (from_elsewhere | {"Authorization": f"Bearer {token}"}, 200)):
        connection = http.client.HTTPConnection("127.0.0.1", relay.admin_port, timeout=LIMIT_S)
        connection.request("GET", "/api/v1/overview", headers=headers)
        assert connection.getresponse().status == status
        connection.close()


def test_a_dashboard_that_is_off() -> None:
    """Without the operator's listener `dashboard` says so, and what to set."""
    with RelayProcess("--admin-listen", "off") as relay:
        done = tailhub("dashboard", "--state-dir", str(relay.state_dir))
    assert done.returncode == 1
    assert 'admin_listen = "127.0.0.1:9912"' in done.stdout


def test_several_relays_on_one_dashboard(tmp_path: Path) -> None:
    """The how-to page's file for a dashboard of several relays is one that a relay takes."""
    (file,) = (block for block in blocks(PAGES / "dashboard.md") if block.file)
    config = tmp_path / "tailhub.toml"
    config.write_text(file.text)
    config.chmod(0o600)
    done = tailhub("config", "check", "--config", str(config), "--state-dir", str(tmp_path / "state"))
    assert done.returncode == 0, done
