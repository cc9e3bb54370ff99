"""A relay as ``tailhub top`` may know it, for tests of its screen and for the pictures in the documentation.

``python -m tests.support.top_sample`` makes those pictures, ``docs/images/top.svg`` and ``top.zh.svg``, anew.
"""

from __future__ import annotations

import html
import io
import math
import re
from dataclasses import replace
from pathlib import Path

import msgspec
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI, TerminalTheme

from support.scripted_mesh import ScriptedMesh
from tailhub.admin.api_types import (
    Certificate,
    Certificates,
    Client,
    Clients,
    Event,
    Mesh,
    Others,
    Overview,
    Pair,
    Pairs,
    Process,
    Quota,
    Quotas,
    Rates,
    RelayInfo,
    Totals,
    Verifier,
    Verifiers,
)
from tailhub.cli.top_frame import frame, where
from tailhub.cli.top_view import Sample, Seen, Wish
from tailhub.findings import Language

NOW = 1_795_791_723.0
CHARACTER = 12.2  # the width of one in rich's SVG
_TEXT = re.compile(
    r'<text class="(?P<style>[^"]*)" x="(?P<x>[^"]*)" y="(?P<y>[^"]*)" textLength="[^"]*"(?P<more>[^>]*)>'
    r"(?P<text>[^<]*)</text>"
)
FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace"
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
PICTURES: dict[Language, Path] = {"en": IMAGES / "top.svg", "zh": IMAGES / "top.zh.svg"}
_NAMES = (
    *("amelie-laptop", "nas", "studio-mac", "家里的电脑", "build-2", "printer-room", "pixel-8", "bob-desktop"),
    *("gateway", "camera-3", "", "office-pc", "tablet", "backup", "lab-gpu", "ipad-mini", "router", "thinkpad"),
)


def client(number: int) -> Client:
    """One of them, made from its number."""
    busy = max(0.0, 6e6 * math.exp(-number / 2.2) - 30)
    name = _NAMES[number % len(_NAMES)]
    key = f"nodekey:{number + 1:064x}"
    return Client(
        id=number,
        key=key,
        short=f"[k{number:04d}]",
        name=f"{name}-{number // len(_NAMES)}" if name and number >= len(_NAMES) else name,
        owner="amelie@example.com" if number % 3 == 0 else "",
        tenant="friends" if number % 4 == 1 else "",
        address=f"203.0.113.{number + 7}",
        port=40000 + number,
        kind="guest" if number == 6 else "client",
        app="",
        home=number % 5 != 3,
        since=NOW - 90 - number * number * 640,
        worker=0,
        packets_received=1000 * (40 - number),
        bytes_received=int(4.1e9 / (number + 1)),
        packets_sent=900 * (40 - number),
        bytes_sent=int(3.7e9 / (number + 1)),
        bytes_received_per_s=busy,
        bytes_sent_per_s=busy * 0.93 if number % 2 else busy * 0.21,
        dropped={"queue_age": 132} if number == 2 else {"unknown_dest": 4} if number == 7 else {},
        queued_bytes=0,
        rtt_ms=None if number == 9 else 7.0 + number * 3.4,
    )


def pair(number: int) -> Pair:
    """Two that talk."""
    src, dst = client(number), client(number + 1)
    return Pair(
        src=src.key,
        src_short=src.short,
        src_name=src.name,
        dst=dst.key,
        dst_short=dst.short,
        dst_name=dst.name,
        tenant="",
        packets=90_000 // (number + 1),
        bytes=int(2.2e9 / (number + 1)),
        bytes_per_s=src.bytes_received_per_s,
        last=NOW - number,
    )


def sample(rows: int = 100) -> Seen:
    """A relay that does well, with a quota that is nearly used."""
    samples = [
        Sample(at, 1.15e7 * wave, 1.1e7 * wave)
        for at in (NOW - 300 + second for second in range(300))
        for wave in (abs(math.sin(at / 37)) ** 3 * (0.7 + 0.3 * math.sin(at / 5)) + 0.03,)
    ]
    count = 214
    overview = Overview(
        relay=RelayInfo(
            version="1.0.0",
            started=NOW - 273_000,
            now=NOW,
            hostname="derp.example.com",
            addresses=["203.0.113.7"],
            region_id=947,
            public_key=f"nodekey:{7:064x}",
        ),
        state="ready",
        faults=[],
        drain=None,
        totals=Totals(
            clients=count,
            connections=count + 2,
            homes=171,
            guests=3,
            held=1,
            packets_received=48_221_090,
            bytes_received=52_100_000_000,
            packets_sent=48_101_220,
            bytes_sent=51_900_000_000,
            packets_dropped=9_721,
            queued_bytes=148_000,
            logins=1_911,
        ),
        rates=Rates(
            bytes_received_per_s=11_720_000,
            bytes_sent_per_s=11_650_000,
            packets_received_per_s=10_240,
            packets_sent_per_s=10_230,
            packets_dropped_per_s=3.2,
            stun_requests_per_s=38,
            logins_per_s=0.2,
        ),
        drops={"unknown_dest": 8_910, "queue_age": 690, "gone_disconnected": 121, "queue_head": 0},
        stun={"success": 912_330, "not_stun": 41},
        process=Process(cpu_percent=31, resident_bytes=71_000_000, open_fds=288, max_fds=65_536),
        notices=[],
        pending=0,
    )
    texts = (
        ("info", "login   client [k0004] build-2 from 203.0.113.11:40004"),
        ("info", "logout  [k0031] tablet-1 from 203.0.113.38:40031 after 2h04m: received 81234 B, sent 1204 B; closed"),
        ("warning", "refused [zzz01] from 198.51.100.9:51820, held; not on its list of devices"),
        ("info", "login   client [k0002] studio-mac from 203.0.113.9:40002"),
        ("info", "not logged in: http: 404 /.env (17 more in the last minute)"),
        ("info", "login   client [k0011] office-pc from 203.0.113.18:40011"),
        ("info", "quota   [k0000]: This device has used 41.2 of 50 GB of this relay's traffic"),
    )
    certificate = Certificate(
        listener=":443",
        names=["derp.example.com"],
        not_before=NOW - 41 * 86400,
        not_after=NOW + 49 * 86400,
        days_left=49.0,
        source="acme",
        issuer="Let's Encrypt",
    )
    return Seen(
        overview,
        NOW,
        samples,
        Clients(total=count, matching=count, clients=[client(number) for number in range(min(rows, count))]),
        Pairs(
            total=88,
            matching=88,
            pairs=[pair(number) for number in range(60)],
            others=Others(pairs=0, packets=0, bytes=0),
        ),
        [Event(seq=i, at=NOW - 60 + i * 8, level=lv, event="", text=tx, fields={}) for i, (lv, tx) in enumerate(texts)],
        Certificates(certificates=[certificate]),
        Verifiers(verifiers=[Verifier(name="tailscaled", state="ok", since=NOW - 900)]),
        Quotas(
            currency="EUR",
            quotas=[
                Quota(
                    scope="tenant",
                    tenant="friends",
                    used_bytes=41_200_000_000,
                    quota_bytes=50_000_000_000,
                    level="warned",
                    cost=0.82,
                ),
            ],
        ),
        Mesh(),
        {"unknown_dest": 3.0, "queue_age": 0.2},
        {"success": 38.0, "not_stun": 0.0},
    )


def with_mesh(seen: Seen, *, is_whole: bool = False) -> Seen:
    """The same relay with others in its region; `is_whole`: all of them are well."""
    mesh = msgspec.convert(ScriptedMesh(NOW, is_whole=is_whole).facts([], NOW), Mesh)
    for number, peer in enumerate(mesh.peers):
        peer.bytes_per_s = 1.9e6 / (number + 1) ** 2 if peer.links_up else 0.0
    return replace(seen, mesh=mesh)


def console(columns: int, lines: int) -> Console:
    """A terminal of this size that keeps what is printed."""
    return Console(
        width=columns,
        height=lines,
        file=io.StringIO(),
        record=True,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
    )


def shown(seen: Seen, wish: Wish | None = None, lang: Language = "en", columns: int = 80, lines: int = 24) -> str:
    """A frame as text."""
    terminal = console(columns, lines)
    terminal.print(frame(seen, wish or Wish(), lang, where(columns, lines)), end="")
    return terminal.export_text()


def picture(
    seen: Seen, wish: Wish, lang: Language, columns: int, lines: int, theme: TerminalTheme = DIMMED_MONOKAI
) -> str:
    """A frame as SVG."""
    terminal = console(columns, lines)
    terminal.print(frame(seen, wish, lang, where(columns, lines)), end="")
    return exported(terminal, "tailhub top", "top", theme)


def exported(terminal: Console, title: str, unique_id: str, theme: TerminalTheme = DIMMED_MONOKAI) -> str:
    """What was printed as SVG, without fonts from elsewhere, and with Chinese as wide as terminals have it."""
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")
    made = terminal.export_svg(title=title, theme=theme, code_format=form, unique_id=unique_id)

    return _TEXT.sub(_runs, made)


def _runs(match: re.Match[str]) -> str:
    """A text as one for each run of wide or of narrow characters: a browser's font has Chinese in some other width."""
    text = html.unescape(match["text"]).replace("\xa0", " ")
    runs, x = [], float(match["x"])
    for run in re.findall(r"[\u2e80-\uffef]+|[^\u2e80-\uffef]+", text):
        width = cell_len(run) * CHARACTER
        shown = html.escape(run, quote=False).replace(" ", "&#160;")
        if run.strip():
            runs.append(
                f'<text class="{match["style"]}" x="{x:g}" y="{match["y"]}" textLength="{width:g}"'
                f"{match['more']}>{shown}</text>"
            )
        x += width
    return "".join(runs)


def main() -> None:
    """Write the pictures."""
    for lang, path in PICTURES.items():
        path.write_text(picture(sample(), Wish(), lang, 120, 36), encoding="utf-8")


if __name__ == "__main__":
    main()
