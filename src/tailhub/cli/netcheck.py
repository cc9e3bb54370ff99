"""``tailhub netcheck``: which region a client would choose from here, and whether that works.

Prints what `tailhub.tools.netcheck` found.
"""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tailhub import findings
from tailhub.box import public_key
from tailhub.cli.admin_socket import is_relay_running, state_directory
from tailhub.cli.derpmap_running import fetch_map
from tailhub.cli.listing import block
from tailhub.cli.netcheck_texts import TEXTS
from tailhub.cli.output import write, write_finding
from tailhub.cli.text_layout import display_width, wrap
from tailhub.exceptions import UsageError
from tailhub.findings import Language, printable
from tailhub.findings.remark import Remark
from tailhub.tailcfg.derpmap import DERPMap
from tailhub.tools.map_source import TAILNET, is_tailnet, read_map_text, tailnet_home
from tailhub.tools.netcheck.judge import Netcheck, judge, milliseconds, region_label
from tailhub.tools.netcheck.look import Options, look
from tailhub.tools.netcheck.nat import NAT
from tailhub.tools.netcheck.report import regions_seen
from tailhub.tools.netcheck.seen import NodeSeen, StunSeen, TroubleKind
from tailhub.tools.own_key import kept_key

__all__ = ["netcheck"]

_WIDE = 200  # columns, where nobody looks at a terminal
_COMFORTABLE = 80  # columns; with fewer the table is set close
_COLUMNS = ("v4", "v6", "tcp", "tls", "login", "ping")


def netcheck(
    name: str, region: str, home: str, state_dir: Path | None, form: str, timeout_s: float, lang: Language
) -> int:
    """Measure and print; the exit code: 1 if something is wrong. `form`: table, json or json-full."""
    derp_map, origin = _read_map(name, state_dir)
    home_id = _home(derp_map, home, origin)
    key = kept_key()
    options = Options(timeout_s=timeout_s, wanted=region, private_key=key)
    with _progress(lang) as on_progress:
        seen = asyncio.run(look(derp_map, options, on_progress))
    if region and not seen.nodes:
        unknown = findings.wrong_usage(f"--region {region}", "tailhub netcheck", "unknown", _labels(derp_map))
        raise UsageError(unknown)
    result = judge(seen, home_id)
    if form == "json":
        write(json.dumps(result.report.to_plain(result.choice.region), indent="\t") + "\n")
    elif form == "json-full":
        write(json.dumps(_full(result), indent=1, ensure_ascii=False) + "\n")
    else:
        write(_screen(result, origin, str(public_key(key)) if key is not None else "", lang))
    for finding in result.findings if form != "json-full" else ():
        write_finding(finding, lang)
    return 0 if result.is_fine else 1


# --- what is asked for ------------------------------------------------------------------------------------------------


def _read_map(name: str, state_dir: Path | None) -> tuple[DERPMap, str]:
    """The map and where it came from: without a `name` the running relay's, else that of this machine's tailnet."""
    if name:
        return read_map_text(name).derp_map(), name
    directory = state_directory(state_dir)
    if is_relay_running(directory):
        return fetch_map(directory), "relay"
    return read_map_text(TAILNET).derp_map(), TAILNET


def _home(derp_map: DERPMap, home: str, origin: str) -> int:
    """The region that is home now: as it was said, else what this machine's client says of its own map; 0: none."""
    wanted = home or (tailnet_home(origin) if is_tailnet(origin) else "")
    for number, region in derp_map.regions.items():
        if wanted and region is not None and wanted in (str(number), region.region_code, region.region_name):
            return number
    if home:
        raise UsageError(findings.wrong_usage(f"--home {home}", "tailhub netcheck", "unknown", _labels(derp_map)))
    return 0


def _labels(derp_map: DERPMap) -> list[str]:
    return [region_label(region, number) for number, region in sorted(derp_map.regions.items()) if region is not None]


# --- for programs -----------------------------------------------------------------------------------------------------


def _full(result: Netcheck) -> dict[str, Any]:
    """All that was seen: the client's report, the choice and why, each relay, the NAT, findings."""
    choice = result.choice
    return {
        "report": result.report.to_plain(choice.region),
        "choice": {
            "region": choice.region,
            "reason": choice.reason.value,
            "nearest": choice.best,
            "home": choice.home,
            "why": result.why.text(),
            "notes": [remark.text() for remark in result.also],
        },
        "nat": {
            "kind": result.nat.kind.value,
            "preserves_port": result.nat.preserves_port,
            "addresses": result.nat.addresses,
        },
        "relays": [_relay(node) for node in result.seen.nodes],
        "findings": [
            {"code": one.code, "name": one.name, "severity": one.severity.value, "what": one.what()}
            for one in result.findings
        ],
    }


def _relay(seen: NodeSeen) -> dict[str, Any]:
    return {
        "region": seen.region.region_id,
        "name": seen.node.name,
        "host": seen.node.host_name,
        "stun_v4": _stun(seen.v4),
        "stun_v6": _stun(seen.v6),
        "address": seen.tcp_address,
        "tcp_ns": seen.tcp_ns,
        "tls_ns": seen.tls_ns,
        "https_ns": seen.https_ns,
        "login_ns": seen.login_ns,
        "ping_ns": seen.relay_ns,
        "trouble": None if seen.trouble is None else asdict(seen.trouble),
    }


def _stun(seen: StunSeen) -> dict[str, Any]:
    mapped = None if seen.mapped is None else {"address": seen.mapped[0], "port": seen.mapped[1]}
    return {"address": seen.address, "latency_ns": seen.latency_ns, "mapped": mapped}


# --- for people -------------------------------------------------------------------------------------------------------


@contextmanager
def _progress(lang: Language) -> Iterator[Callable[[int, int], None] | None]:
    """A line on standard error while it lasts, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(TEXTS[lang]["measuring"], total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _screen(result: Netcheck, origin: str, key: str, lang: Language) -> str:
    """The choice, the table, what kind of network this is. `key` is who logged in."""
    from rich.console import Console
    from rich.text import Text

    words, seen = TEXTS[lang], result.seen
    stream, is_terminal = io.StringIO(), sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else _WIDE
    console = Console(file=stream, force_terminal=is_terminal, width=width, highlight=False, markup=False, emoji=False)
    place = {"relay": words["relay"], TAILNET: words["tailnet"], "-": words["stdin"]}.get(origin, origin)
    title = words["title"].format(origin=printable(place), regions=len(regions_seen(seen)), nodes=len(seen.nodes))
    console.print(Text(title, "bold"), soft_wrap=True)
    if not seen.nodes:
        console.print(words["nothing"])
        return stream.getvalue()
    console.print()
    for line in block(list(_verdict(result, lang)), width):
        console.print(Text(printable(line.text)), soft_wrap=True)
    console.print(_table(result, lang, width))
    for name, text, style in _troubles(result, key, lang):
        console.print(Text(f"  {printable(name)}  {text}", style), soft_wrap=True)
    for part in wrap(words["legend"], width):
        console.print(Text(part, "dim"), soft_wrap=True)
    lines = (line.rstrip() for line in stream.getvalue().splitlines())
    return "\n".join(lines).rstrip() + "\n"


def _verdict(result: Netcheck, lang: Language) -> Iterator[tuple[str, str]]:
    words, choice, report = TEXTS[lang], result.choice, result.report
    chosen = result.seen.derp_map.regions.get(choice.region)
    name = f" {chosen.region_name}" if chosen is not None and chosen.region_name != chosen.region_code else ""
    yield words["home"], region_label(chosen, choice.region) + name if choice.region else words["none"]
    yield words["why"], result.why.text(lang)
    for index, remark in enumerate(result.also):
        yield words["also"] if index == 0 else " ", remark.text(lang)
    seen_as = [one for one in (report.global_v4, report.global_v6) if one is not None]
    yield words["address"], ", ".join(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in seen_as)
    yield words["nat"], _nat(result.nat).text(lang)


def _nat(nat: NAT) -> Remark:
    return Remark(f"nat_{nat.kind}", {"preserves_port": nat.preserves_port, "pool": nat.addresses > 1})


def _table(result: Netcheck, lang: Language, width: int) -> Any:
    """A line for each relay; regions from the nearest on, as a client would have it. It fits into 60 columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    words, is_narrow = TEXTS[lang], width < _COMFORTABLE
    padding = (0, 0) if is_narrow else (0, 1)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=padding)
    table.add_column("  " + words["region"], overflow="fold", min_width=12)
    table.add_column(words["node"], overflow="fold", min_width=display_width(words["node"]))
    for column in _COLUMNS:
        head = words[column].replace(" ", "\n") if is_narrow else words[column]
        table.add_column(head, justify="right", no_wrap=True)
    for region, nodes in _by_latency(result):
        is_home = region == result.choice.region
        for index, node in enumerate(nodes):
            mark = "→ " if is_home and index == 0 else "  "
            label = mark + region_label(node.region, region) if index == 0 else ""
            times = (node.v4.latency_ns, node.v6.latency_ns, node.tcp_ns, node.tls_ns, node.login_ns, node.relay_ns)
            table.add_row(
                Text(printable(label), "bold green" if is_home else ""),
                Text(printable(node.node.name)),
                *(_cell(node, column, value) for column, value in zip(_COLUMNS, times, strict=True)),
            )
    return table


def _cell(node: NodeSeen, column: str, value_ns: int | None) -> Any:
    from rich.text import Text

    if value_ns is not None:
        return Text(milliseconds(value_ns))
    is_trouble = node.trouble is not None and node.trouble.step == column
    return Text("x", _trouble_style(node)) if is_trouble else Text("·", "dim")


def _troubles(result: Netcheck, key: str, lang: Language) -> Iterator[tuple[str, str, str]]:
    """Relay, what is the matter, and the style of that."""
    words = TEXTS[lang]
    for _, nodes in _by_latency(result):
        for node in nodes:
            if node.node.stun_only:
                yield node.node.name, words["stun_only"], "dim"
            elif node.trouble is not None:
                remark = Remark(f"trouble_{node.trouble.kind}", {"detail": node.trouble.detail, "key": key})
                text = words[f"step_{node.trouble.step}"] + words["colon"] + remark.text(lang)
                yield node.node.name, text, _trouble_style(node)


def _trouble_style(node: NodeSeen) -> str:
    is_mild = node.trouble is not None and node.trouble.kind is TroubleKind.NOT_LET_IN
    return "yellow" if is_mild else "red"


def _by_latency(result: Netcheck) -> list[tuple[int, list[NodeSeen]]]:
    latency = result.report.latency_ns
    found = [(region.region_id, nodes) for region, nodes in regions_seen(result.seen)]
    return sorted(found, key=lambda one: (one[0] not in latency, latency.get(one[0], one[0])))
