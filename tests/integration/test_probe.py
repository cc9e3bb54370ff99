"""The probe against a real relay, behind a box that does to packets what is known: what it says must be that.

| truth | how it is made |
| --- | --- |
| loss, duplicates, order | `support.middlebox` drops, doubles or holds back each so manyth frame, and counts it |
| delay | the box holds everything back for a fixed time |
| outages | the relay closes the connections; or is not there yet |
| limits, verifiers, workers | our relay with the settings |

The clock of most of these is the tests' own, which goes on only while nobody works.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from support.how_to import blocks_for, command_lines
from support.middlebox import Frame, frames, late, middlebox
from support.ports import free_ports
from support.relay_process import RelayProcess
from support.terminal import Terminal, python
from support.waiting import run as run_in_real_time
from support.waiting import until
from support.wire import relay, run
from tailhub import box
from tailhub.cli.app import run as command
from tailhub.client import DERPClient, PeerGone
from tailhub.derp.frames import HEADER, HEADER_LEN, FrameType
from tailhub.exceptions import MachineError
from tailhub.keys import NodePrivate, NodePublic
from tailhub.server.app import RelayServer
from tailhub.server.probe_key import PROBE_KEY, SLOTS, receiver_key, sender_key
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.probe.csv_file import COLUMNS
from tailhub.tools.probe.keys import probe_key, public_keys
from tailhub.tools.probe.paths import Path as ProbePath
from tailhub.tools.probe.run import Probe, ProbeOptions

KEY = NodePrivate(bytes(range(1, 33)))
OPTIONS = ProbeOptions(rate=100, interval_s=0.25, timeout_s=0.5, stun_every_s=0, tls=False)


def ways(*ports: int) -> list[ProbePath]:
    nodes = [DERPNode(name=f"r{port}", host_name="127.0.0.1", derp_port=port, stun_port=-1) for port in ports]
    return [ProbePath(node.name, node, node) for node in nodes]


@contextlib.asynccontextmanager
async def probing(*ports: int, **options: Any) -> AsyncIterator[Probe]:
    """A probe of these relays, connected. Its totals are final behind the block."""
    probe = Probe(ways(*ports), options.pop("base", KEY), replace(OPTIONS, **options))
    async with probe.running():
        await probe.wait_until_up()
        yield probe


async def sent(probe: Probe, number: int) -> None:
    """Wait until so many packets have gone on the first way, and what became of them is known."""
    series = probe.measurement.measured[0].series
    await until(lambda: series.next_number >= number)
    await until(lambda: series.sent >= number)


# --- what becomes of packets ------------------------------------------------------------------------------------------


class Truth:
    """Does to each so manyth received packet what a test says, and counts how often it did."""

    def __init__(self, every: int, edit: Callable[[Frame, list[Frame]], list[Frame]]) -> None:
        self.done = 0
        self.is_on = True
        self._every, self._edit = every, edit
        self._numbers = count(1)
        self._kept: list[Frame] = []

    def __call__(self, kind: int, body: bytes) -> list[Frame]:
        if kind != FrameType.RECV_PACKET:
            return [(kind, body)]
        if self.is_on and next(self._numbers) % self._every == 0:
            self.done += 1
            return self._edit((kind, body), self._kept)
        kept = self._kept[:]
        self._kept.clear()
        return [(kind, body), *kept]


def drop(frame: Frame, kept: list[Frame]) -> list[Frame]:
    return []


def double(frame: Frame, kept: list[Frame]) -> list[Frame]:
    return [frame, frame]


def hold_back(frame: Frame, kept: list[Frame]) -> list[Frame]:
    kept.append(frame)
    return []


@pytest.mark.parametrize(
    ("edit", "field"),
    [(drop, "lost"), (double, "duplicated"), (hold_back, "reordered")],
    ids=["lost", "twice", "order"],
)
def test_what_becomes_of_packets(edit: Callable[[Frame, list[Frame]], list[Frame]], field: str) -> None:
    """What the box did is counted, just as often as it did it, and nothing else is."""
    truth = Truth(7, edit)

    async def scenario() -> None:
        async with (
            relay(tls=False) as server,
            middlebox(server.listeners.public.port, down=frames(truth)) as port,
            probing(port) as probe,
        ):
            await sent(probe, 60)
            truth.is_on = False
            series = probe.measurement.measured[0].series
            await until(lambda: getattr(series, field) == truth.done)
            await sent(probe, series.next_number + 10)
        counted = {name: getattr(series, name) for name in ("lost", "duplicated", "reordered", "late", "missed")}
        assert counted.pop(field) == truth.done >= 8
        assert counted == dict.fromkeys(counted, 0)

    run(scenario)


def test_delay_and_intervals() -> None:
    """The delay is what the box adds, in each interval and in all; waiting is nothing, as it is always the same."""

    async def scenario() -> None:
        rows = []
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, down=late(0.05)) as port:
            probe = Probe(ways(port), KEY, OPTIONS, on_row=rows.append)
            async with probe.running():
                await probe.wait_until_up()
                await sent(probe, 80)
        one = probe.measurement.measured[0]
        assert one.series.lost == 0
        assert one.series.histogram.quantile_s(0.5) == pytest.approx(0.05, abs=0.01)
        assert one.series.histogram.min_s is not None
        assert one.series.histogram.min_s >= 0.049
        assert (one.series.queue.quantile_s(0.5) or 0.0) < 0.01
        assert sum(row.interval.sent for row in rows) == one.series.sent
        assert len(rows) >= 3

    run(scenario)


def test_what_comes_too_late() -> None:
    """What takes longer than the limit is lost, and late besides."""

    async def scenario() -> None:
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, down=late(0.3)) as port:
            async with probing(port, timeout_s=0.15) as probe:
                series = probe.measurement.measured[0].series
                await until(lambda: series.late >= 10)
            assert series.received == 0
            assert series.lost >= series.late
            assert series.loss == 1.0

    run(scenario)


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_connection_that_is_lost() -> None:
    """An outage is counted with its length; what was due meanwhile is missed, and nothing is counted twice."""

    async def scenario() -> None:
        async with relay(tls=False) as server, probing(server.listeners.public.port) as probe:
            one = probe.measurement.measured[0]
            await sent(probe, 30)
            for connection in list(server.context.relay.registry):
                connection.sink.close("for the test")
            await until(lambda: one.outages.count == 1)
            await until(lambda: one.outages.is_up and one.series.missed)
            before = one.series.received
            await until(lambda: one.series.received >= before + 30)
            (outage,) = one.outages.latest
        assert outage.length_s is not None
        assert 0 < outage.length_s < 2
        assert one.series.missed <= outage.length_s * OPTIONS.rate + 2
        assert one.series.lost <= 5
        assert one.series.sent == one.series.received + one.series.lost

    run(scenario)


async def takes_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what a login needs, then nothing more."""
    writer.write(await reader.readuntil(b"\r\n\r\n"))
    kind, length = HEADER.unpack(head := await reader.readexactly(HEADER_LEN))
    writer.write(head + await reader.readexactly(length))
    assert kind == FrameType.CLIENT_INFO
    await asyncio.Event().wait()


def test_a_relay_that_takes_nothing() -> None:
    """What is due while the relay takes nothing is missed, when the buffers are full; what is in them is lost."""

    async def scenario() -> None:
        async with (
            relay(tls=False) as server,
            middlebox(server.listeners.public.port, up=takes_nothing) as port,
            probing(port, size=60_000, rate=500) as probe,
        ):
            series = probe.measurement.measured[0].series
            await until(lambda: series.missed >= 50)
            taken = series.next_number
            await until(lambda: series.missed >= 100)
            assert series.next_number == taken
            await until(lambda: series.lost == taken)
            assert series.received == 0

    run(scenario)


def test_a_relay_that_is_not_there_yet() -> None:
    """Until a relay is there the way is down with its reason; then it is measured, and that was no outage."""
    port = free_ports()

    async def scenario() -> None:
        probe = Probe(ways(port), KEY, OPTIONS)
        async with probe.running():
            one = probe.measurement.measured[0]
            await until(lambda: "refused" in one.outages.reason.lower() or "111" in one.outages.reason)
            async with relay(tls=False, listen=f"127.0.0.1:{port}"):
                await until(lambda: one.series.received >= 5)
                assert one.outages.away_s > 0
                assert (one.outages.count, one.series.lost, one.outages.reason) == (0, 0, "")

    run(scenario)


def test_between_regions() -> None:
    """A question goes through the home of who is asked, its answer through that of who asks: both ways add up."""

    async def scenario() -> None:
        async with (
            relay(tls=False) as near,
            relay(tls=False) as far,
            middlebox(far.listeners.public.port, down=late(0.06)) as port,
            probing(near.listeners.public.port, port) as probe,
        ):
            pairs = probe.measurement.pairs
            await until(lambda: all(pair.received >= 10 for pair in pairs.values()))
        median = {homes: pair.histogram.quantile_s(0.5) or 0.0 for homes, pair in pairs.items()}
        assert sorted(median) == [(0, 0), (0, 1), (1, 0), (1, 1)]
        assert median[0, 0] < 0.02
        assert median[0, 1] == pytest.approx(0.06, abs=0.02)
        assert median[1, 0] == pytest.approx(0.06, abs=0.02)
        assert median[1, 1] == pytest.approx(0.12, abs=0.02)

    run(scenario)


@pytest.mark.parametrize("limit", [0, 400_000])
def test_bandwidth(limit: int) -> None:
    """A flood ends in time and loses nothing at a relay that takes it; with an announced limit it keeps to that."""

    async def scenario() -> None:
        options = {"rate_limit_bytes_per_s": float(limit)} if limit else {}
        async with relay(tls=False, **options) as server:
            async with probing(server.listeners.public.port, bandwidth_s=0.5) as probe:
                one = probe.measurement.measured[0]
                await until(lambda: one.series.received >= 5)
            found = one.bandwidth
            assert found is not None
            assert (found.limit_bytes_per_s, found.lost_packets) == (limit, 0)
            assert found.received_bytes > 100_000
            if limit:
                assert found.bytes_per_s <= limit * 1.1
                assert sum(server.context.relay.stats.packets_dropped.values()) == 0

    run_in_real_time(scenario)


def test_two_probes_at_a_time(tmp_path: Path) -> None:
    """Two programs with one key file take different ends' keys, and the relay keeps them apart."""
    key = probe_key(tmp_path / "own.key", None)
    held = "import sys, pathlib; from tailhub.tools.probe.keys import probe_key\n"
    held += "with probe_key(pathlib.Path(sys.argv[1]), None).slot() as slot: print(slot, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        python("-c", held, str(key.path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "0\n"
        with key.slot() as slot:
            assert slot == 1
        other.communicate("")
    with key.slot() as slot:
        assert slot == 0
    ends = {sender_key(key.base, one).raw for one in range(SLOTS)} | {receiver_key(key.base, 0).raw}
    assert len(ends) == SLOTS + 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("kind", ["pipe", "directory", "empty"])
def test_a_relay_s_key_that_is_none(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no key in a relay's state is passed over, and never waited for."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    make = {"pipe": os.mkfifo, "directory": os.mkdir, "empty": lambda path: Path(path).touch()}
    make[kind](tmp_path / PROBE_KEY)
    assert probe_key(None, tmp_path).path.is_relative_to(tmp_path / "own")


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked on Windows")
def test_more_probes_than_can_be_told_apart(tmp_path: Path) -> None:
    """One more than there are keys for is refused: it would take another's packets, and both would say nonsense."""
    key = probe_key(tmp_path / "own.key", None)
    held = "import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX, int(sys.argv[2]))\n"
    held += "print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        python("-c", held, str(key.path), str(SLOTS)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(MachineError) as caught, key.slot():
            pass
        other.communicate("")
    assert "TH523" in str(getattr(caught.value.finding, "code", ""))


# --- a relay admits its own -------------------------------------------------------------------------------------------


def allow_list(directory: Path, *keys: str) -> Path:
    file = directory / "allowed_keys"
    file.write_text("".join(f"{key}\n" for key in keys))
    return file


def own_base(server: RelayServer) -> NodePrivate:
    return probe_key(None, server.foundation.state.path).base


async def is_admitted(server: RelayServer, base: NodePrivate) -> bool:
    probe = Probe(ways(server.listeners.public.port), base, OPTIONS)
    async with probe.running():
        measured = probe.measurement.measured[0]
        await until(lambda: measured.series.received or measured.outages.reason not in ("", "not connected yet"))
        return measured.series.received > 0


STRANGERS = {"refuse": "close"}


def test_its_own_probe_is_admitted(tmp_path: Path) -> None:
    """The key in the state directory is let in whatever verifiers say, and is nobody's refusal; others are not."""

    async def scenario() -> None:
        listed = allow_list(tmp_path, str(box.public_key(box.generate())))
        async with relay(tls=False, allow_list=listed, **STRANGERS) as server:
            assert await is_admitted(server, own_base(server))
            assert server.verification is not None
            assert not list(server.verification.refusals)
            assert not await is_admitted(server, box.generate())
            path = server.foundation.state.path / PROBE_KEY
            assert path.stat().st_mode & 0o777 == 0o600

    run(scenario)


def test_a_relay_that_holds_it(tmp_path: Path) -> None:
    """A relay that refuses the key and says why is quoted."""

    async def scenario() -> None:
        listed = allow_list(tmp_path, str(box.public_key(box.generate())))
        async with relay(tls=False, allow_list=listed, refuse_text="ask Ada") as server:
            probe = Probe(ways(server.listeners.public.port), KEY, OPTIONS)
            async with probe.running():
                await until(lambda: "ask Ada" in probe.measurement.measured[0].outages.reason)
            assert not probe.is_up(0)

    run(scenario)


def test_it_reaches_only_itself(tmp_path: Path) -> None:
    """Its own probe and clients do not see each other, and it takes nobody's place, quota or home."""

    async def scenario() -> None:
        listed = allow_list(tmp_path, str(box.public_key(KEY)))
        async with relay(tls=False, allow_list=listed, relay_connections=1, **STRANGERS) as server:
            port = server.listeners.public.port
            async with (
                await DERPClient.connect("127.0.0.1", port, tls=False, private_key=KEY) as client,
                probing(port, base=own_base(server)) as probe,
            ):
                await sent(probe, 5)
                ours = [one for one in server.context.relay.registry if one.identity.is_own_probe]
                assert len(ours) == 2
                assert {one.tenant.name for one in ours} == {"own probe"}
                assert server.context.relay.accounts.by_tenant == {"": 1}
                disco = b"TS\xf0\x9f\x92\xac" + bytes(60)
                await client.send(ours[0].key, disco)
                message = await client.recv()
                assert isinstance(message, PeerGone)
                assert server.context.relay.consistency_errors() == []

    run(scenario)


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    """Without `own_probe` there is no such key, and one that there was is not let in."""

    async def scenario() -> None:
        state = tmp_path / "state"
        async with relay(tls=False, state_dir=state) as server:
            base = own_base(server)
        listed = allow_list(tmp_path, str(box.public_key(box.generate())))
        async with relay(tls=False, state_dir=state, own_probe=False, allow_list=listed, **STRANGERS) as server:
            assert not await is_admitted(server, base)
        async with relay(tls=False, state_dir=tmp_path / "other", own_probe=False):
            assert not (tmp_path / "other" / PROBE_KEY).exists()

    run(scenario)


def test_a_key_that_is_broken(tmp_path: Path) -> None:
    """A relay whose probe's key cannot be read starts all the same, and says so."""

    async def scenario() -> None:
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        (state / PROBE_KEY).write_text("{}")
        async with relay(tls=False, state_dir=state) as server:
            assert [note.code for note in server.foundation.notes if note.code == "TH515"] == ["TH515"]
            assert server.context.policy.probe_keys == frozenset()

    run(scenario)


# --- the command ------------------------------------------------------------------------------------------------------

ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("TAILHUB_", "COLUMNS", "LINES"))},
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm-256color",
}


def words(*arguments: str) -> list[str]:
    return python("-m", "tailhub", "probe", "--lang", "en", *arguments)


@pytest.fixture(name="shared", scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two workers, an allow list with nobody on it."""
    listed = allow_list(tmp_path_factory.mktemp("list"), str(box.public_key(KEY)))
    options = ("--workers", "2", "--address", "127.0.0.1", "--allow-list", str(listed), "--refuse", "close")
    with RelayProcess(*options) as process:
        yield process


def test_the_local_relay(shared: RelayProcess, tmp_path: Path) -> None:
    """Bare, it measures the relay of this machine by its map, admitted with workers too; files are written."""
    csv, svg = tmp_path / "a.csv", tmp_path / "a.svg"
    done = subprocess.run(
        words("--state-dir", str(shared.state_dir), "--duration", "1s", "--rate", "50", "--interval", "0.25s",
              "--csv", str(csv), "--svg", str(svg)),
        env=ENVIRON, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + shared.log()
    lines = done.stdout.splitlines()
    assert "0 % lost, " in lines[-1]
    assert " on average, " in lines[-1]
    assert len(lines) >= 4
    assert len(csv.read_text().splitlines()) == len(lines)  # its header is a line, as is the summary
    assert svg.read_text().startswith("<svg ")


def test_it_is_shown_as_what_it_is(shared: RelayProcess) -> None:
    """Among the relay's clients it is the own probe; when somebody ends it, it says what it knows."""
    port = free_ports()
    arguments = (
        "--state-dir",
        str(shared.state_dir),
        "--listen",
        f"127.0.0.1:{port}",
        "--interval",
        "0.2s",
        "--rate",
        "50",
    )
    with subprocess.Popen(
        words(*arguments), env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as probe:
        assert probe.stdout is not None
        assert "came" in probe.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        clients = json.loads(shared.get("/api/v1/clients"))["clients"]
        probe.send_signal(signal.SIGINT)
        out, err = probe.communicate(timeout=30)
    assert probe.returncode == 0, err
    assert [one["kind"] for one in clients] == ["probe", "probe"]
    assert "tailhub_probe_up" in metrics
    assert " 0 % lost, " in out.splitlines()[-1]


def test_in_a_terminal(shared: RelayProcess) -> None:
    """On a terminal there is a live screen; q ends it, gives the terminal back and says what it comes to."""
    with Terminal(words("--state-dir", str(shared.state_dir)), ENVIRON, 110, 30) as terminal:
        terminal.read_until("Delay over time")
        terminal.read_until("connected")
        assert terminal.is_alternate
        terminal.press("a")
        terminal.press("q")
        terminal.read_until("on average")
        assert terminal.wait() == 0
        assert not terminal.is_alternate
        assert terminal.modes == terminal.before


def test_a_disk_that_becomes_full(shared: RelayProcess, tmp_path: Path) -> None:
    """What cannot be written down any more is said once, and what was measured all the same is said in the end."""
    header = len(",".join(COLUMNS)) + 1
    limited = f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({header + 10}, {header + 10}))\n"
    limited += "import sys; from tailhub.cli.app import run; sys.exit(run(sys.argv[1:]))"
    arguments = ["probe", "--lang", "en", "--state-dir", str(shared.state_dir), "--interval", "0.1s"]
    ended = subprocess.run(
        [*python("-c", limited), *arguments, "--duration", "0.4s", "--csv", str(tmp_path / "a.csv")],
        capture_output=True, text=True, env=ENVIRON, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.count("[TH520]") == 1
    assert "on average" in ended.stdout


def test_json_and_keys(shared: RelayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON there is nothing but one object; --keys prints what another relay would have to allow."""
    state = ("--state-dir", str(shared.state_dir))
    assert command(["probe", *state, "--json", "--duration", "0.3s"]) == 0
    out, err = capsys.readouterr()
    (path,) = json.loads(out)["paths"]
    assert path["received"] > 0
    assert (path["up"], err) == (True, "")
    assert command(["probe", *state, "--keys"]) == 0
    keys = capsys.readouterr().out.split()
    assert keys == public_keys(probe_key(None, shared.state_dir).base)
    assert all(NodePublic.parse(key) for key in keys)


def test_where_nothing_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A relay that is not there is said with its code, and exit code 1."""
    target = (f"127.0.0.1:{free_ports()}", "--state-dir", str(tmp_path), "--key-file", str(tmp_path / "own.key"))
    assert command(["probe", "--lang", "en", *target, "--duration", "0.2s"]) == 1
    out, err = capsys.readouterr()
    assert "[TH518]" in err
    assert "nothing came through" in out
    assert "111" in out
    assert "111" in err


@pytest.mark.parametrize(
    ("arguments", "code", "finding"),
    [
        (("--interval", "1d"), 2, "TH522"),
        (("--bandwidth", "2m"), 2, "TH522"),
        (("--rate", "0"), 2, "TH"),
        (("--size", "9"), 2, "TH"),
        (("--rate", "nan"), 2, "TH"),
        (("--svg", "/"), 1, "TH520"),
        (("--listen", "nonsense"), 2, "TH"),
        (("--svg", "/dev/full/x.svg"), 1, "TH520"),
        (("--csv", "/nowhere/x.csv"), 1, "TH520"),
        (("--map", "/nowhere/map"), 1, "TH460"),
        (("a b c:x",), 2, "TH"),
    ],
)
def test_what_cannot_be(
    arguments: tuple[str, ...], code: int, finding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was asked for and cannot be is said before anything is measured."""
    target = () if "--map" in arguments or "a b c:x" in arguments else ("127.0.0.1:1",)
    assert command(["probe", "--lang", "en", "--duration", "0.1s", *target, *arguments]) == code
    assert f"[{finding}" in capsys.readouterr().err


# --- the how-to page --------------------------------------------------------------------------------------------------


def test_the_how_to_page(shared: RelayProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the page does what it is for, though only for a moment, at a relay of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(shared.state_dir))
    relays = json.loads(shared.get("/derpmap.json"))["Regions"]
    (region,) = relays.values()
    (tmp_path / "policy.hujson").write_text(json.dumps({"derpMap": {"Regions": {"912": region | {"RegionID": 912}}}}))
    texts = blocks_for(__file__, "measuring.md")
    assert texts == blocks_for(__file__, "measuring.zh.md")
    commands = [line for text in texts for line in command_lines(text)]
    assert len(commands) == 9
    for line in commands:
        here = {"derp.example.com:8443": f"127.0.0.1:{shared.port}", "127.0.0.1:9913": f"127.0.0.1:{free_ports()}"}
        given = [here.get(word, word) for word in line]
        brief = ["--duration", "0.2s", "--interval", "0.1s", "--rate", "50"]
        brief += ["--bandwidth", "0.1s"] if "--bandwidth" in given else []
        assert command([*given, *brief]) == 0, line
    assert (tmp_path / "relay.svg").read_text().startswith("<svg ")
    assert "," in (tmp_path / "relay.csv").read_text()
