"""``tailhub usage``, as its users call it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tailhub.cli import usage as module
from tailhub.cli.app import run
from tailhub.relay.billing import Billing, parse_zone
from tailhub.store.records import OTHER_KEY, Batch, Name, UsageDelta
from tailhub.store.store import Store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay's state is kept on POSIX systems")

A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()


def hour(text: str) -> int:
    """The hour that begins then, in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale that says English, no settings of this machine, and a clock."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr(module.time, "time", lambda: NOW)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """State with some usage of November and October."""

    async def fill() -> None:
        store = await Store.open(tmp_path / "tailhub.db", relay="relay-1")
        usage = (
            UsageDelta(hour("2026-11-02T10:00"), "", A, B, 1000, 1_234_567_890, 1_200_000_000),
            UsageDelta(hour("2026-11-03T10:00"), "", B, A, 10, 5_000, 5_000),
            UsageDelta(hour("2026-11-03T11:00"), "", C, OTHER_KEY, 1, 99, 0),
            UsageDelta(hour("2026-10-31T23:00"), "", A, B, 7, 777, 777),
        )
        names = (Name(A, "laptop", "alice@example.com", 1.0), Name(B, "nas\x1b[31m", "", 1.0))
        await store.save(Batch("w", 1, usage, names=names))
        await store.close()

    asyncio.run(fill())
    return tmp_path


def shown(state: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command prints."""
    assert run(["usage", "--state-dir", str(state), *words]) == 0
    return capsys.readouterr().out


def test_each_device_has_a_line(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who used most is first, by name and owner, else by the short key; nothing of a name steers a terminal."""
    out = shown(state, capsys)
    lines = [line.split("  ") for line in out.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert out.startswith("Usage from 2026-11-01 to 2026-12-01\n")
    assert [row for row in cells if len(row) == 4] == [
        ["Device", "Packets", "Sent", "Received"],
        ["laptop (alice@example.com)", "1,000", "1.23 GB", "5.00 kB"],
        ["nas\\x1b[31m", "10", "5.00 kB", "1.20 GB"],
        ["[AwMDA]", "1", "99 B", "0 B"],
        ["Total", "1,011", "1.23 GB", "1.20 GB"],
    ]


def test_pairs_days_tenants_and_relays(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By pair a line says from whom to whom; by day, tenant and relay it says that."""
    pairs = shown(state, capsys, "--by", "pair")
    assert "laptop (alice@example.com)" in pairs
    assert "others" in pairs
    assert "2026-11-03" in shown(state, capsys, "--by", "day")
    assert "relay-1" in shown(state, capsys, "--by", "relay")
    assert "Tenant" in shown(state, capsys, "--by", "tenant")


def test_other_times(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A month, or from one day up to another; a time without usage is one sentence."""
    assert "777 B" in shown(state, capsys, "--month", "2026-10")
    out = shown(state, capsys, "--since", "2026-11-03", "--until", "2026-11-04")
    assert "from 2026-11-03 to 2026-11-04" in out
    assert "1.23 GB" not in out
    assert "5.00 kB" in out
    assert "Nothing was counted in this time." in shown(state, capsys, "--month", "2025-01")


def test_in_chinese(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In Chinese the words are, and columns stay below each other."""
    out = shown(state, capsys, "--lang", "zh")
    assert "用量：2026-11-01 至 2026-12-01" in out
    assert "设备" in out
    assert "合计" in out


def test_as_csv(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For spreadsheets: whole keys, bytes; the columns are the same when there is nothing."""
    rows = list(csv.DictReader(io.StringIO(shown(state, capsys, "--csv", "--by", "pair"))))
    assert rows[0] == {
        "tenant": "",
        "key": f"nodekey:{A.hex()}",
        "name": "laptop",
        "owner": "alice@example.com",
        "peer": f"nodekey:{B.hex()}",
        "peer_name": "nas\x1b[31m",
        "peer_owner": "",
        "packets": "1000",
        "in_bytes": "1234567890",
        "out_bytes": "1200000000",
    }
    assert rows[2]["peer"] == "other"
    head = shown(state, capsys, "--csv", "--by", "pair", "--month", "2025-01")
    assert head == ",".join(rows[0]) + "\n"


def test_as_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: the same, with the time and the sum."""
    value = json.loads(shown(state, capsys, "--json"))
    assert (value["since"], value["until"]) == ("2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00")
    assert (value["by"], value["billed"], value["price_per_gb"]) == ("key", "out", None)
    assert value["total"] == {"packets": 1011, "in_bytes": 1_234_572_989, "out_bytes": 1_200_005_000}
    assert value["rows"][0] == {
        "tenant": "",
        "key": f"nodekey:{A.hex()}",
        "name": "laptop",
        "owner": "alice@example.com",
        "packets": 1000,
        "in_bytes": 1_234_567_890,
        "out_bytes": 5_000,
    }


def test_a_price_is_shown(state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With a price each line has what it costs, in the billing period of its day and time zone."""
    billing = Billing(day=31, zone=parse_zone("Europe/Berlin"), counts="both", price_per_gb=0.5, currency="EUR")
    monkeypatch.setattr(module, "billing_of", lambda config: billing)
    out = shown(state, capsys, "--by", "tenant")
    assert "from 2026-10-31 to 2026-11-30" in out
    assert "days of Europe/Berlin" in out
    assert "Billed is what comes in and what goes out." in out
    assert "1.22 EUR" in out
    monkeypatch.setattr(module, "billing_of", lambda config: replace(billing, counts="out"))
    rows = list(csv.DictReader(io.StringIO(shown(state, capsys, "--csv", "--by", "tenant"))))
    assert float(rows[0]["price"]) == pytest.approx(0.600003, abs=1e-6)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--by colour", "TH069"),
        ("--csv --json", "TH068"),
        ("--month 2026-11 --since 2026-11-01", "TH068"),
        ("--month 2026-13", "TH269"),
        ("--month November", "TH269"),
        ("--month 9999-12", "TH269"),
        ("--since yesterday", "TH269"),
        ("--since 2026-02-30", "TH269"),
        ("--since 2026-11-05 --until 2026-11-05", "TH269"),
        ("--since 2027-01-01", "TH269"),
        ("--since 0001-01-01 --until 0001-01-01", "TH269"),
    ],
)
def test_what_cannot_be_meant(state: Path, capsys: pytest.CaptureFixture[str], words: str, code: str) -> None:
    """A grouping, form or time that is none is one sentence and exit code 2."""
    assert run(["usage", "--state-dir", str(state), *words.split()]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.endswith(f"[{code}]\n")


def test_without_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no store, or it is off, that is said; where its setting is none, without its text."""
    assert run(["usage", "--state-dir", str(tmp_path)]) == 1
    assert "[TH267]" in capsys.readouterr().err
    monkeypatch.setenv("TAILHUB_STORE", "off")
    assert run(["usage", "--state-dir", str(tmp_path)]) == 1
    assert "switched off" in capsys.readouterr().err
    monkeypatch.setenv("TAILHUB_STORE", "mysql://u:secret@db/x")
    assert run(["usage", "--state-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "[TH260]" in error
    assert "secret" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_400, "999 kB"),
        (999_600, "1.00 MB"),
        (1_234_567_890, "1.23 GB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_sizes_have_three_digits(count: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sizes are in powers of ten, as providers bill them."""

    async def fill() -> None:
        store = await Store.open(tmp_path / "tailhub.db", relay="one")
        await store.save(Batch("w", 1, (UsageDelta(hour("2026-11-02T10:00"), "t", A, B, 1, count, 0),)))
        await store.close()

    asyncio.run(fill())
    assert f" {text} " in shown(tmp_path, capsys, "--by", "tenant").replace("\n", " \n")
