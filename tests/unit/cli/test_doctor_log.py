from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tailhub.cli import checks
from tailhub.cli.doctor_log import explain_log
from tailhub.cli.doctor_log_texts import TEXTS
from tailhub.cli.text_layout import display_width
from tailhub.exceptions import MachineError
from tailhub.findings import Language

RECV = "2026/11/27 17:{0}:10 magicsock: [0xc1] derp.Recv(derp-{1}): derphttp.Client.Recv connect to region {1} (r{1}): "
PIN = "cert hash does not match expected cert hash"
SELF_SIGNED = "x509: certificate signed by unknown authority"
BROKEN = [
    "2026/11/27 17:00:00 Program starting: v1.102.5, Go 1.26.8: []",
    "2026/11/27 17:00:01 magicsock: home is now derp-900 (r900)",
    RECV.format(10, 900) + SELF_SIGNED,
    RECV.format(12, 900) + SELF_SIGNED,
    RECV.format(11, 901) + "EOF",
    "2026/11/27 17:13:00 magicsock: derp-901 connected; connGen=1",
    '2026/11/27 17:14:00 [RATELIMIT] format("x") (5 dropped)',
    '2026/11/27 17:15:00 netcheck: DNS lookup error for "a.example" (node "901a" region 901): no such host',
]


def explain(
    lines: list[str], form: str, lang: Language, capsys: pytest.CaptureFixture[str], path: Path
) -> tuple[int, str]:
    path.write_text("\n".join(lines))
    code = explain_log(str(path), form, lang)
    return code, capsys.readouterr().out


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tailscaled.log"


def test_the_screen(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict first; each fault with the client's words, what it means and what to do; then each region."""
    code, out = explain(BROKEN, "screen", "en", capsys, path)
    assert code == 1
    assert out.splitlines()[0].endswith("it does not work")
    for part in (
        "8 lines, 6 about relays",
        "Tailscale 1.102.5",
        "kept 5 lines to itself",
        "BROKEN   The client does not trust the certificate's issuer",
        f"region 900: {SELF_SIGNED}",
        "2 times, 2026/11/27 17:10:10 to 17:12:10",
        "tailhub cert show",
        "900 r900  home, no connection since 2026/11/27 17:10:10, tries: 2, see TH435",
        "901 r901  connected since 2026/11/27 17:13:00",
        "Was wrong, and is over",
        "region 901: the connection is closed while TLS begins   once, 2026/11/27 17:11:10   TH439",
        "Also seen",
    ):
        assert part in out


def test_in_chinese(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same in Chinese; the client's own words stay."""
    _, out = explain(BROKEN, "screen", "zh", capsys, path)
    assert "区域 900：" + SELF_SIGNED in out
    assert "曾有问题，现已恢复" in out
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_fits_the_screen(lang: Language, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prose is broken at the screen's width."""
    _, out = explain(BROKEN, "screen", lang, capsys, path)
    assert [line for line in out.splitlines()[1:] if display_width(line) > 110] == []


def test_a_log_in_which_all_is_well(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A client that is connected has no finding, and the exit code is 0; so has one whose trouble is over."""
    for lines in (BROKEN[5:6], BROKEN[4:6]):
        code, out = explain(lines, "screen", "en", capsys, path)
        assert code == 0
        assert out.splitlines()[0].endswith("all is well")


def test_what_is_no_log_of_a_client(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without a line about relays is not called well; where such logs are is told."""
    code, out = explain(["hello"], "screen", "en", capsys, path)
    assert code == 0
    assert "nothing about relays in it" in out
    assert "journalctl -u tailscaled" in out


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: each kind of line with its code, and each region's state."""
    code, out = explain(BROKEN, "json", "en", capsys, path)
    found = json.loads(out)
    assert code == 1
    assert [(line["kind"], line["code"], line["is_over"]) for line in found["found"]] == [
        ("issuer", "TH435", False),
        ("closed_early", "TH439", True),
        ("unresolved", None, False),
    ]
    assert [(one["region"], one["state"]) for one in found["regions"]] == [(900, "failing"), (901, "connected")]
    assert not found["is_healthy"]


def test_for_a_forum(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names and addresses that the client's words have are masked."""
    lines = [RECV.format(10, 900) + "dial tcp4: lookup derp.somebody.org on 9.9.9.9:53: no such host"]
    _, out = explain(lines, "share", "en", capsys, path)
    assert "TH001" in out
    assert "somebody" not in out
    assert "9.9.9.9" not in out


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` is standard input, by the command too."""
    data = io.TextIOWrapper(io.BytesIO("\n".join(BROKEN).encode()))
    monkeypatch.setattr(sys, "stdin", data)
    assert checks.doctor(log="-", lang="en") == 1
    assert "tailhub doctor --log standard input" in capsys.readouterr().out


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A file that cannot be read is an error of its own."""
    with pytest.raises(MachineError, match="No such file"):
        explain_log(str(tmp_path / "none.log"), "screen", "en")
