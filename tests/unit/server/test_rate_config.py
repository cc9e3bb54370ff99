"""The rate limit as settings and the original's file have it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailhub.exceptions import MachineError
from tailhub.relay.rate_limit import RateLimit
from tailhub.server.config import RelayConfig, config_findings
from tailhub.server.rate_config import load_rate_limit

RATE, BURST = "PerClientRateLimitBytesPerSec", "PerClientRateBurstBytes"


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "rate.json"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (f'{{"{RATE}": 1250000, "{BURST}": 300000}}', RateLimit(1_250_000, 300_000)),
        (f'{{"{RATE}": 1250000}}', RateLimit(1_250_000, 1_250_000)),
        (f'{{"{RATE}": 1250000, "{BURST}": null}}', RateLimit(1_250_000, 1_250_000)),
        (f'{{"{RATE.lower()}": 1250000}}', RateLimit(1_250_000, 1_250_000)),
        (f'\ufeff{{"{RATE}": 1250000}}\n', RateLimit(1_250_000, 1_250_000)),
        (f'{{"{RATE}": 0, "{BURST}": 0}}', None),
        ("{}", None),
    ],
)
def test_the_file(file: Path, text: str, limit: RateLimit | None) -> None:
    """Names in any case, null for nothing, and no rate for no limit, as the original reads it."""
    file.write_text(text, encoding="utf-8")
    assert load_rate_limit(RelayConfig(rate_config=file)) == (limit, [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1"),
        ('{\n "PerClient', "line 2"),
        ("[1]", "found `[1]`"),
        (f'{{"{RATE}": "fast"}}', '`"fast"`'),
        (f'{{"{RATE}": -1}}', "`-1`"),
        (f'{{"{RATE}": 1.5}}', "`1.5`"),
        (f'{{"{RATE}": true}}', "`true`"),
        (f'{{"{BURST}": [1]}}', f"`{BURST}`, found `[1]`"),
    ],
)
def test_a_file_that_is_none(file: Path, text: str, said: str) -> None:
    """The finding names the file, the place in it, and what was expected."""
    file.write_text(text)
    with pytest.raises(MachineError) as caught:
        load_rate_limit(RelayConfig(rate_config=file))
    assert "[TH220]" not in str(caught.value)
    assert caught.value.finding.code == "TH220"  # type: ignore[attr-defined]
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_bytes_that_are_no_text(file: Path) -> None:
    """A file in another encoding is refused like any that is not JSON."""
    file.write_bytes(b"\xff\xfe{\0}\0")
    with pytest.raises(MachineError, match="line 1"):
        load_rate_limit(RelayConfig(rate_config=file))


def test_a_file_that_is_missing(file: Path) -> None:
    """It is named together with the flag that names it."""
    with pytest.raises(MachineError, match="--rate-config"):
        load_rate_limit(RelayConfig(rate_config=file))


def test_what_is_doubtful(file: Path) -> None:
    """An unknown name, a burst that is too small, and a burst without a rate work, and are told of."""
    file.write_text(json.dumps({RATE: 1_250_000, "PerClientBurst": 5}))
    limit, found = load_rate_limit(RelayConfig(rate_config=file))
    assert (limit, [finding.code for finding in found]) == (RateLimit(1_250_000, 1_250_000), ["TH222"])
    limit, found = load_rate_limit(RelayConfig(rate_limit_bytes_per_s=1_250_000, rate_burst_bytes=1_000))
    assert (limit, [finding.code for finding in found]) == (RateLimit(1_250_000, 65_568), ["TH223"])
    limit, found = load_rate_limit(RelayConfig(rate_burst_bytes=100_000))
    assert (limit, [finding.code for finding in found]) == (None, ["TH224"])


@pytest.mark.parametrize("setting", ["rate_limit_bytes_per_s", "rate_burst_bytes"])
def test_a_file_and_settings(file: Path, setting: str) -> None:
    """The limit stands in one place: a file beside a setting is refused."""
    (found,) = config_findings(RelayConfig(rate_config=file, **{setting: 100_000.0}))  # type: ignore[arg-type]
    assert "--rate-config and --rate-" in str(found)
