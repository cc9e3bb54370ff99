"""``tailhub probe``: its flags. What it does is in `tailhub.cli.probe`, loaded when it is called."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from tailhub.cli import command_line, options
from tailhub.exceptions import UsageError
from tailhub.findings import probing


def _number(value: float) -> float:
    """What ``nan`` is not, though it is in any range."""
    if math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


def probe(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET…]",
            help="HOST:PORT, a DERP map (file, URL, tailnet), or with --map its regions. Default: the relay here.",
            show_default=False,
        ),
    ] = None,
    map_name: Annotated[
        str, typer.Option("--map", metavar="MAP", help="DERP map or policy: a file, a URL, tailnet, or - (stdin).")
    ] = "",
    stun_port: Annotated[
        int,
        typer.Option(min=-1, max=65535, metavar="PORT", help="UDP port of a HOST for STUN (default 3478; -1: off)."),
    ] = 0,
    pin: Annotated[
        str, typer.Option(metavar="PIN", help="sha256-raw:… of a HOST's certificate; without it is not checked.")
    ] = "",
    rate: Annotated[
        float,
        typer.Option(min=0.01, max=1000, callback=_number, metavar="NUMBER", help="Packets a second and way."),
    ] = 10,
    size: Annotated[int, typer.Option(min=48, max=65536, metavar="BYTES", help="Of each packet.")] = 100,
    interval: Annotated[
        str, typer.Option(metavar="TIME", help="What a line, a row and a point of a chart stand for.")
    ] = "1s",
    timeout: Annotated[str, typer.Option(metavar="TIME", help="What takes longer is lost.")] = "5s",
    duration: Annotated[
        str, typer.Option("--duration", metavar="TIME", help="End after this time (default: at Ctrl-C).")
    ] = "",
    bandwidth: Annotated[
        str,
        typer.Option(metavar="TIME", help="First send as much as goes through, for so long a relay, at most 60s."),
    ] = "",
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            parser=command_line.path("--csv", "tailhub probe"),
            metavar="FILE",
            help="Append a line for each interval and way.",
        ),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(
            "--svg",
            parser=command_line.path("--svg", "tailhub probe"),
            metavar="FILE",
            help="Draw it all into this file, each minute and at the end.",
        ),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Serve /metrics for Prometheus there, as 127.0.0.1:9913.")
    ] = "",
    keys: Annotated[
        bool, typer.Option("--keys", help="Print the probe's keys, for a relay to allow, and end.")
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--key-file", "tailhub probe"),
            metavar="FILE",
            help="Log in by this key (default: the relay's own for its probe, else the tools').",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it at the end as JSON, and nothing before.")] = False,
    state_dir: Annotated[Path | None, options.state_dir("probe")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Measure relays for long: loss, delay, jitter, waiting, outages, bandwidth.

    Two clients here exchange packets through each relay; with several, also between each two of them. It goes on until
    Ctrl-C, and says what it comes to in a sentence. Keys on the screen: q ends, a all of the time, arrows choose.
    Exit code 1 when nothing came through a relay.
    """
    from tailhub.cli import probe as command

    wish = command.Wish(
        targets=tuple(targets or ()),
        map_name=map_name,
        stun_port=stun_port,
        pin=pin,
        rate=rate,
        size=size,
        interval_s=_seconds("--interval", interval, 0.1, 3600),
        timeout_s=_seconds("--timeout", timeout, 0.1, 60),
        duration_s=_seconds("--duration", duration, 0.1, 10 * 365 * 86400) if duration else None,
        bandwidth_s=_seconds("--bandwidth", bandwidth, 0.1, 60) if bandwidth else 0.0,
        csv=csv,
        svg=svg,
        listen=listen,
        key_file=key_file,
        state_dir=state_dir,
        as_json=as_json,
    )
    language = command_line.language(lang)
    return command.print_keys(wish) if keys else command.probe(wish, language)


def _seconds(option: str, text: str, least_s: float, most_s: float) -> float:
    """A time in this range. Raises `UsageError`."""
    try:
        value = command_line.duration(option, text, most_s)
    except UsageError:
        value = -1.0
    if not least_s <= value <= most_s:
        raise UsageError(probing.time_out_of_range(option, text, f"{least_s:g}s", f"{most_s:g}s"))
    return value
