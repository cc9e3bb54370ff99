"""What ``tailhub doctor`` may say of a relay that lost its state, for the pictures in the documentation.

``python -m tests.support.doctor_sample`` makes them, ``docs/images/doctor.svg`` and ``doctor.zh.svg``, anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from support.top_sample import IMAGES, console, exported
from tailhub.cli.report_screen import report_lines, summary
from tailhub.cli.screen import RICH_STYLES, Line
from tailhub.cli.text_layout import display_width
from tailhub.findings import Language, reach, tls
from tailhub.findings.remark import Remark
from tailhub.tools.report import Judgement, Report

COLUMNS = 112
PICTURES: dict[Language, Path] = {"en": IMAGES / "doctor.svg", "zh": IMAGES / "doctor.zh.svg"}
PINNED = "sha256-raw:5c1f0e9b7a6d3c2f8e4b1a0d9c8f7e6b5a4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b"
SHOWN = "sha256-raw:e07a41b6c5d2f3e8a9b0c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6"


def sample() -> Report:
    """Its certificate is not the pinned one, and nothing answers STUN."""
    said = Judgement()
    said.ok("here", Remark("here-clear"))
    said.ok("name", Remark("name-as-in-map", {"host": "derp.example.com", "addresses": "203.0.113.7"}))
    said.ok("tcp4", Remark("tcp-open", {"port": 8443, "ms": 38}))
    said.untested("tcp6", Remark("no-ipv6-address"))
    made = datetime(2026, 11, 27, 9, 4, tzinfo=UTC)
    said.found("pin", tls.pin_differs(PINNED, SHOWN, made, "policy.hujson", 912))
    said.ok("upgrade", Remark("http-upgraded-fast"), beyond=True)
    said.ok("login", Remark("login-admitted", {"ms": 41}), beyond=True)
    flights = {"sizes": "60, 1400, 65536", "lost": 0, "sent": 420, "p50": 41, "p99": 58, "skipped": ""}
    said.ok("packets", Remark("packets-between-two", flights), beyond=True)
    said.found("stun4", reach.stun_silent("203.0.113.7", 3478, 5, tcp_answers=True))
    said.untested("stun6", Remark("no-ipv6-address"))
    return Report("derp.example.com:8443", tuple(said.findings), tuple(said.steps))


def picture(lang: Language) -> str:
    """The report as SVG."""
    region = 'region 912 "Home Relay"' if lang == "en" else "区域 912“Home Relay”"
    lines = list(report_lines(sample(), lang, COLUMNS, f"tailhub doctor   {region}   derp.example.com:8443"))
    lines += [Line(""), Line(summary([sample()], lang), "step")]
    terminal = console(max(COLUMNS, *(display_width(line.text) for line in lines)), len(lines))
    for line in lines:
        terminal.print(Text(line.text, RICH_STYLES[line.style]), soft_wrap=True)
    return exported(terminal, "tailhub doctor", "doctor")


def main() -> None:
    """Write the pictures."""
    for lang, path in PICTURES.items():
        path.write_text(picture(lang), encoding="utf-8")


if __name__ == "__main__":
    main()
