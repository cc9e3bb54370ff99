"""``tailhub top`` in a terminal, over the operator's pages of a scripted relay."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pages_process import TOKEN, PagesProcess
from support.ports import free_ports
from support.relay_process import RelayProcess
from support.terminal import ALTERNATE, CURSOR_SHOWN, Terminal, python, with_jobs
from tailhub.box import generate, public_key
from tailhub.client import DERPClient
from tailhub.derp.messages import ReceivedPacket

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("TAILHUB_", "COLUMNS", "LINES"))},
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm-256color",
}
CRASHES = """
from rich.console import Console
from tailhub.cli.live_screen import Screen
with Screen(Console()) as screen:
    screen.show("a frame")
    raise RuntimeError("a fault of ours")
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a scripted relay with 40 clients has its pages."""
    with PagesProcess(tmp_path_factory.mktemp("state"), 40) as pages:
        yield "http://{}:{}".format(*pages.address)


def top(*words: str) -> list[str]:
    return python("-m", "tailhub", "top", "--lang", "en", *words)


def printed(*words: str, **environ: str) -> tuple[int, str, str]:
    done = subprocess.run(top(*words), env=ENVIRON | environ, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_once(url: str) -> None:
    """Without a terminal one frame of the asked size is printed, with rates, as plain text."""
    code, out, err = printed("--url", url, COLUMNS="100", LINES="30")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 30
    assert "ready" in lines[1]
    assert "relay.example.com" in lines[0]
    assert "to clients   ▲ " in out
    assert "to clients   ▲ 0 bit/s" not in out
    assert "device-2" in out
    assert "\x1b" not in out


def test_a_terminal_without_dots(url: str) -> None:
    """Where the output has no such characters, or the terminal cannot move, a frame is printed all the same."""
    code, out, err = printed("--url", url, PYTHONIOENCODING="ascii", COLUMNS="80", LINES="24")
    assert (code, err) == (0, "")
    assert "device-2" in out
    with Terminal(top("--url", url), ENVIRON | {"TERM": "dumb"}) as terminal:
        assert terminal.wait() == 0
        assert "device-2" in terminal.written
        assert ALTERNATE not in terminal.written


def test_json(url: str) -> None:
    """With --json the overview is printed as the API has it."""
    code, out, _ = printed("--url", url, "--json")
    assert code == 0
    overview = json.loads(out)
    assert (overview["state"], overview["totals"]["clients"]) == ("ready", 40)
    assert overview["rates"]["bytes_sent_per_s"] > 0


def test_keys(url: str) -> None:
    """Tables change with their keys, what is typed is searched for, and q ends it with the terminal as before."""
    with Terminal(top("--url", url), ENVIRON) as terminal:
        terminal.read_until("Clients 40")
        assert terminal.is_alternate
        terminal.press("/vice-34")
        terminal.read_until("“vice-34” 1 ")
        terminal.press("\x1b")
        terminal.read_until("1–")
        terminal.press("p")
        terminal.read_until("Pairs ")
        terminal.press("e")
        terminal.read_until(" Log ")
        terminal.press("q")
        assert terminal.wait() == 0
        assert not terminal.is_alternate
        assert CURSOR_SHOWN in terminal.written
        assert terminal.modes == terminal.before


def test_the_window_changes(url: str) -> None:
    """A frame follows the size of the window at once."""
    with Terminal(top("--url", url), ENVIRON, 80, 24) as terminal:
        terminal.read_until("╮")
        terminal.read_until("STUN answered")
        terminal.resize(120, 40)
        terminal.read_until("alice@")
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("how", ["\x03", signal.SIGTERM, signal.SIGHUP])
def test_however_it_is_ended(url: str, how: str | signal.Signals) -> None:
    """Ctrl-C and the signals that end programs leave the terminal as it was."""
    with Terminal(top("--url", url), ENVIRON) as terminal:
        terminal.read_until("Clients 40")
        if isinstance(how, str):
            terminal.press(how)
        else:
            os.kill(terminal.pid, how)
        assert terminal.wait() == 0
        assert not terminal.is_alternate
        assert terminal.modes == terminal.before


def test_a_pause(url: str) -> None:
    """Ctrl-Z gives the terminal back; when it goes on it has its screen again."""
    with Terminal(with_jobs(top("--url", url)), ENVIRON) as terminal:
        terminal.read_until("Clients 40")
        terminal.press("\x1a")
        terminal.read_until("paused")
        assert not terminal.is_alternate
        assert terminal.modes == terminal.before
        terminal.press("\n")
        terminal.read_until(ALTERNATE)
        terminal.read_until("Clients 40")
        terminal.press("q")
        assert terminal.wait() == 0
        assert terminal.modes == terminal.before


def test_a_fault_of_ours() -> None:
    """When the program breaks, the terminal is as before, and the traceback stands where one can read it."""
    with Terminal(python("-c", CRASHES), ENVIRON) as terminal:
        assert terminal.wait() == 1
        assert not terminal.is_alternate
        assert terminal.modes == terminal.before
        assert "a fault of ours" in terminal.written.rpartition("\x1b[?1049l")[2]


def test_a_relay_that_goes_away(tmp_path: Path) -> None:
    """The last numbers stay, with why there are no newer ones."""
    with PagesProcess(tmp_path, 5) as pages:
        terminal = Terminal(top("--url", "http://{}:{}".format(*pages.address)), ENVIRON)
        with terminal:
            terminal.read_until("Clients 5")
            pages.process.terminate()
            pages.process.wait()
            terminal.read_until("numbers are old")
            terminal.press("q")
            assert terminal.wait() == 0


class Talkers(threading.Thread):
    """Two clients of a relay of which one sends the other a packet again and again, in a ``with``."""

    def __init__(self, relay: RelayProcess) -> None:
        super().__init__()
        self._relay = relay
        self.is_over = False

    def run(self) -> None:
        asyncio.run(self._talk())

    async def _talk(self) -> None:
        port, pin = self._relay.port, self._relay.pin
        alice, bob = generate(), generate()
        async with (
            await DERPClient.connect("127.0.0.1", port, cert_name=pin, private_key=alice) as sender,
            await DERPClient.connect("127.0.0.1", port, cert_name=pin, private_key=bob) as receiver,
        ):
            while not self.is_over:
                await sender.send(public_key(bob), bytes(1200))
                while not isinstance(await receiver.recv(), ReceivedPacket):
                    pass
                await asyncio.sleep(0.005)

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        self.join()


def test_a_real_relay() -> None:
    """Over the socket in its state directory a relay's clients, their rates and who sends to whom are shown."""
    with RelayProcess() as relay, Talkers(relay):
        with Terminal(top("--state-dir", str(relay.state_dir)), ENVIRON) as terminal:
            terminal.read_until("Clients 2")
            terminal.read_until("bit/s   ")
            terminal.press("p")
            terminal.read_until("→")
            terminal.press("e")
            assert "login   client" in terminal.read_until("login   client")
            terminal.press("q")
            assert terminal.wait() == 0
        overview = json.loads(printed("--state-dir", str(relay.state_dir), "--json")[1])
        assert overview["totals"]["clients"] == 2
        assert overview["rates"]["bytes_sent_per_s"] > 0


def test_nobody_is_there() -> None:
    """A URL where nobody answers, a state directory without a relay, and a URL that is none are findings."""
    nobody = f"http://127.0.0.1:{free_ports(1)}"
    code, _, err = printed("--url", nobody)
    assert (code, err.count("[TH340]")) == (1, 1)
    code, _, err = printed("--state-dir", "/nonexistent")
    assert (code, err.count("[TH080]")) == (1, 1)
    code, _, err = printed("--url", "127.0.0.1:9912")
    assert (code, err.count("[TH342]")) == (2, 1)
    code, _, err = printed("--token-file", "/nonexistent")
    assert (code, err.count("[TH065]")) == (2, 1)
    with Terminal(top("--url", nobody), ENVIRON) as terminal:
        assert terminal.wait() == 1
        assert "[TH340]" in terminal.written.rpartition("\x1b[?1049l")[2]


def test_from_another_machine(tmp_path: Path) -> None:
    """Over an address that is not loopback it needs the token, by file; a wrong one is told."""
    address = _own_address()
    if address is None:
        pytest.skip("this machine has no address besides loopback")
    with PagesProcess(tmp_path, 5, host=address) as pages:
        place = "http://{}:{}".format(*pages.address)
        code, _, err = printed("--url", place, "--json")
        assert (code, err.count("[TH341]")) == (1, 1)
        (tmp_path / "token").write_text("wrong\n")
        code, _, err = printed("--url", place, "--json", "--token-file", str(tmp_path / "token"))
        assert (code, err.count("[TH341]")) == (1, 1)
        (tmp_path / "token").write_text(TOKEN + "\n")
        code, out, _ = printed("--url", place, "--json", "--token-file", str(tmp_path / "token"))
        assert code == 0
        assert json.loads(out)["totals"]["clients"] == 5


def _own_address() -> str | None:
    import psutil

    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family.name == "AF_INET" and not one.address.startswith(("127.", "169.254.")):
                return one.address
    return None
