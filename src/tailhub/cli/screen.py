"""The first screen of ``tailhub relay``: the verdict, each value with where it comes from, what to do next.

Lines to be pasted are whole and alone, whatever the width of the terminal; colour only adds. Only commands that exist
are named. Not here: finding anything out; `ScreenFacts` has it all. Words are in `screen_texts`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import ip_address
from typing import Literal, TextIO

from tailhub.cli.screen_texts import TEXTS
from tailhub.cli.text_layout import display_width, pad, wrap
from tailhub.findings import Finding, Language, printable
from tailhub.tools.target import DERP_PORT, STUN_PORT

COLUMNS = 110  # where prose is broken
MIN_COLUMNS = 40
MIN_REMARK_COLUMNS = 16
_SHOWN_PEERS = 4
_VALUE_COLUMNS = 18  # a longer value pushes its remark to the right, alone

CertificateKind = Literal["own", "pinned", "files", "acme", "front"]
Style = Literal["", "title", "good", "warning", "error", "step", "paste", "dim"]
RICH_STYLES: dict[Style, str] = {
    "": "",
    "title": "bold green",
    "good": "green",
    "warning": "bold yellow",
    "error": "bold red",
    "step": "bold",
    "paste": "cyan",
    "dim": "dim",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of output, never broken; its style is for terminals with colour."""

    text: str
    style: Style = ""


@dataclass(frozen=True, slots=True)
class AddressLine:
    """An address that others use and in a few words, in the screen's language, where it comes from."""

    address: str
    origin: str


@dataclass(frozen=True, slots=True)
class ListenLine:
    """A listener: `host` is "" for all addresses, `families` are the IP versions served (4, 6).

    A unix socket has its `path`, and port 0.
    """

    port: int
    host: str = ""
    families: tuple[int, ...] = (4, 6)
    path: str = ""

    @property
    def is_loopback(self) -> bool:
        """Can programs on this machine reach it, and nobody else?"""
        return bool(self.path or (self.host and ip_address(self.host.partition("%")[0]).is_loopback))


@dataclass(frozen=True, slots=True)
class ScreenFacts:
    """What the screen shows.

    `derp_port` and `stun_port` are what others use (the map's). `relay`, `stun` None: that is off. `policy_snippet` is
    "" while there is no map. `certificate`: "own" is made by the relay and pinned, "pinned" comes from files and is
    pinned, "files" and "acme" are checked by name. `allowed_keys` None and no `verifiers`, which are asked about each
    client: anyone may relay. `firewall_commands` open the ports on this machine. `is_behind_proxy`: do others come by
    way of a proxy? `is_name_in_map`: is `hostname` what clients get? `relay_command` started this relay,
    `derpmap_command` asks it, `dashboard_command` prints the link to its dashboard.
    """

    version: str
    addresses: tuple[AddressLine, ...]
    relay: ListenLine | None
    stun: ListenLine | None
    derp_port: int
    stun_port: int | None
    certificate: CertificateKind
    valid_to: date | None  # None: a proxy in front has the certificate
    state_dir: str
    policy_snippet: str
    hostname: str = ""
    is_behind_proxy: bool = False
    is_name_in_map: bool = True
    relay_command: str = "tailhub relay"
    derpmap_command: str = "tailhub derpmap"
    dashboard_command: str = "tailhub dashboard"
    http: ListenLine | None = None
    admin: ListenLine | None = None
    allowed_keys: int | None = None
    verifiers: tuple[str, ...] = ()
    mesh_with: tuple[str, ...] = ()  # other relays of the region, to which links are kept
    findings: tuple[Finding, ...] = ()
    firewall_commands: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """May anyone relay?"""
        return self.allowed_keys is None and not self.verifiers

    @property
    def is_local(self) -> bool:
        """Can programs on this machine come to us, and nobody else?"""
        listener = self.relay or self.stun
        return listener is not None and listener.is_loopback and not self.is_behind_proxy


def first_screen(facts: ScreenFacts, lang: Language = "en", columns: int = COLUMNS) -> list[Line]:
    """The whole screen; prose is broken at `columns`."""
    words = TEXTS[lang]
    lines = [Line(words["title"].format(version=facts.version), "title"), Line("")]
    lines += _table(facts, words, columns)
    for finding in sorted(facts.findings, key=_gravity):
        lines += [Line(""), *finding_lines(finding, lang, columns)]
    if not facts.is_local:
        waiting = [words["outside_tcp"]] if facts.relay else []
        waiting += [words["outside_stun"]] if facts.stun else []
        lines += [Line(""), Line("  " + words["outside"] + "   ".join(waiting))]
    if facts.admin:
        lines += [Line("")] if facts.is_local else []
        lines.append(Line(f"  {words['look']}{facts.dashboard_command}"))
    for number, step in enumerate(_steps(facts, words), start=1):
        lines.append(Line(""))
        for line in step:
            style: Style = line.style
            before = f"{number} " if line is step[0] else "  "
            parts = [line.text] if style == "paste" else wrap(line.text, columns - len(before))
            lines += [Line((before if part is parts[0] else "  ") + part, style) for part in parts]
    return lines


def finding_lines(finding: Finding, lang: Language = "en", columns: int = COLUMNS) -> list[Line]:
    """A finding in the screen's layout: how bad, its code, what it is and what to do."""
    label = f"  {TEXTS[lang][finding.severity.value]} {finding.code}  "
    indent = display_width(label)
    style: Style = "error" if finding.severity == "error" else "warning" if finding.severity == "warning" else ""
    what, *more = wrap(finding.what(lang), columns - indent)
    remedy = wrap(finding.remedy(lang), columns - indent)
    return (
        [Line(label + what, style)]
        + [Line(" " * indent + text, style) for text in more]
        + [Line(" " * indent + text) for text in remedy]
    )


def first_contact(protocol: Literal["TCP", "STUN"], source: str, at: datetime, lang: Language = "en") -> list[Line]:
    """The line for the first packet from another machine: the way in is open."""
    words = TEXTS[lang]
    what = words["first_tcp" if protocol == "TCP" else "first_stun"]
    columns = max(display_width(words[key]) for key in ("first_tcp", "first_stun"))
    return [Line(f"{at:%H:%M:%S}  {pad(what, columns)}  {source}  {words['ok']}", "good")]


def first_rejection(
    source: str, alert: str, at: datetime, *, is_pinned: bool, lang: Language = "en", columns: int = COLUMNS
) -> list[Line]:
    """The lines for the first client that refuses our certificate. `alert`: TLS's word, as ``bad certificate``."""
    words = TEXTS[lang]
    label = max(display_width(words[key]) for key in ("first_tcp", "first_stun", "rejected"))
    meaning = words["rejected_pinned" if is_pinned else "rejected_files"].format(alert=alert)
    lines = [Line(f"{at:%H:%M:%S}  {pad(words['rejected'], label)}  {source}", "warning")]
    return lines + [Line(" " * 10 + text) for text in wrap(meaning, columns - 10)]


def plain(lines: Sequence[Line]) -> str:
    """The lines as text, each ended."""
    return "".join(line.text + "\n" for line in lines)


def columns_of(stream: TextIO) -> int:
    """Where prose for `stream` is broken: at a terminal's width, within limits."""
    if not stream.isatty():
        return COLUMNS
    return max(MIN_COLUMNS, min(COLUMNS, shutil.get_terminal_size((COLUMNS, 24)).columns))


def show(lines: Sequence[Line], stream: TextIO) -> None:
    """Print: in colour on a terminal, else as plain text. Characters that `stream` cannot encode become "?", and those
    that would do something to a terminal are written out: some texts are from files of others.

    Never fails: the relay goes on when the terminal is gone, the pipe closed or the disk with the log full.
    """
    try:
        _show(lines, stream)
    except (OSError, ValueError):
        pass


def _show(lines: Sequence[Line], stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    lines = [Line(printable(line.text).encode(encoding, "replace").decode(encoding), line.style) for line in lines]
    if not stream.isatty():
        stream.write(plain(lines))
    else:
        from rich.console import Console
        from rich.text import Text

        console = Console(file=stream, highlight=False, markup=False, emoji=False)
        for line in lines:
            # Soft wrap: rich neither breaks nor pads, so that a line is copied from the terminal as it was written.
            console.print(Text(line.text, RICH_STYLES[line.style]), soft_wrap=True)
    stream.flush()


def _gravity(finding: Finding) -> int:
    return ("error", "warning", "note").index(finding.severity.value)


def _table(facts: ScreenFacts, words: dict[str, str], columns: int) -> Iterator[Line]:
    rows = list(_rows(facts, words))
    labels = max(display_width(words[label]) for label, _, _ in rows)
    widths = [display_width(value) for _, value, _ in rows]
    values = max(width for width in widths if width <= _VALUE_COLUMNS)  # that of "access" is always one
    for label, value, remark in rows:
        head = f"  {pad(words[label], labels)}  {pad(value, values)}   "
        first, *more = wrap(remark, max(columns - display_width(head), MIN_REMARK_COLUMNS))
        is_open = label == "access" and value == words["anyone"]
        yield Line((head + first).rstrip(), "warning" if is_open else "")
        for text in more:
            yield Line(" " * display_width(head) + text)


def _rows(facts: ScreenFacts, words: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Label, value, and a remark: where the value comes from or what it means."""
    if facts.hostname:
        yield "name", facts.hostname, words["name_remark" if facts.is_name_in_map else "name_unused"]
    for address in facts.addresses:
        yield "address", address.address, address.origin
    if not facts.addresses and not facts.hostname:
        yield "address", words["unknown"], ""
    certificate = words[f"{facts.certificate}_certificate"].format(date=facts.valid_to)
    if facts.relay:
        is_usual = facts.is_behind_proxy or set(facts.relay.families) == {4, 6}
        families = "" if is_usual else _families(facts.relay, words)
        mapping = _mapping(facts.relay, facts.derp_port, words)
        yield "relay", _where("TCP", facts.relay), words["comma"].join(filter(None, (certificate, families, mapping)))
    else:
        yield "relay", words["off"], words["relay_off_remark"]
    if facts.stun:
        families, mapping = _families(facts.stun, words), _mapping(facts.stun, facts.stun_port, words)
        yield "stun", _where("UDP", facts.stun), words["comma"].join(filter(None, (families, mapping)))
    else:
        yield "stun", words["off"], words["stun_off_remark"]
    if facts.http:
        yield "http", _where("TCP", facts.http), words["http_remark"]
    if facts.admin:
        yield "pages", f"TCP {facts.admin.port}", words["pages_remark"].format(url=_url(facts.admin))
    yield "state", facts.state_dir, words["state_own" if facts.certificate == "own" else "state_files"]
    if facts.is_local:
        yield "access", words["local"], words["local_remark"]
    elif facts.relay is None:
        yield "access", words["anyone"], words["stun_only_remark"]
    elif facts.is_open:
        yield "access", words["anyone"], words["anyone_remark"].format(step=3)
    elif facts.verifiers:
        yield "access", words["verified"], words["verified_remark"].format(who=words["comma"].join(facts.verifiers))
    else:
        yield "access", words["keys"].format(count=facts.allowed_keys), words["keys_remark"]
    if facts.mesh_with:
        count, shown = len(facts.mesh_with), facts.mesh_with[:_SHOWN_PEERS]
        value = words["mesh_one" if count == 1 else "mesh_several"].format(count=count)
        yield "mesh", value, words["comma"].join([*shown, *["…"][: count - len(shown)]])


def _steps(facts: ScreenFacts, words: dict[str, str]) -> Iterator[list[Line]]:
    """What to do next; the first line of each gets its number."""
    if not facts.policy_snippet and facts.is_local:
        if facts.admin:
            yield [Line(words["map_here"], "step"), Line(f"{_url(facts.admin)}/derpmap.json", "paste")]
    elif facts.policy_snippet and facts.mesh_with:  # a map with this node alone would cut off the others
        yield [Line(words["mesh_map"], "step"), Line(f"{facts.derpmap_command} --json", "paste")]
    elif facts.policy_snippet:
        yield [
            Line(words["paste"], "step"),
            *(Line(text, "paste") for text in facts.policy_snippet.splitlines()),
            *([Line(words["clients"])] if facts.relay and facts.certificate in ("own", "pinned") else []),
            Line(words["headscale"]),
            Line(f"{facts.derpmap_command} --yaml", "paste"),
        ]
    else:
        yield [
            Line(words["no_map"], "step"),
            Line(f"{facts.relay_command} --address IP", "paste"),
            *([Line(f"{facts.relay_command} --hostname NAME", "paste")] if not facts.hostname else []),
        ]
    if facts.is_local:
        return
    public = _ports(facts.derp_port, facts.stun_port if facts.stun else None, words)
    relay_port = facts.derp_port if facts.is_behind_proxy else facts.relay.port if facts.relay else 0
    here = _ports(relay_port, facts.stun.port if facts.stun else None, words)
    head = words["open" if here == public else "open_other"].format(ports=public, here=here)
    yield [Line(head, "step"), *(Line(command, "paste") for command in facts.firewall_commands)]
    if facts.is_open and facts.relay is not None:
        yield list(_closing(facts, facts.relay.port, words))
    if facts.policy_snippet and facts.relay is not None:
        yield [Line(words["check"], "step"), Line(f"tailhub doctor {_checked(facts)}", "paste")]


def _checked(facts: ScreenFacts) -> str:
    """The relay as another machine's `tailhub doctor` takes it."""
    by_name = facts.hostname if facts.is_name_in_map else ""
    host = by_name or (facts.addresses[0].address if facts.addresses else "HOST")
    host = f"[{host}]" if ":" in host else host
    port = "" if facts.derp_port == DERP_PORT else f":{facts.derp_port}"
    stun_port = -1 if facts.stun is None else facts.stun_port
    return f"{host}{port}" + ("" if stun_port in (None, STUN_PORT) else f" --stun-port {stun_port}")


def _closing(facts: ScreenFacts, port: int, words: dict[str, str]) -> Iterator[Line]:
    """How to keep others out."""
    if facts.is_behind_proxy:
        yield Line(words["close_front"], "step")
        return
    # The rule of the step before would let everyone in all the same. Where ufw is not switched on, a rule for it closes
    # nothing, so there is none.
    opening = [command for command in facts.firewall_commands if command.endswith(f"ufw allow {port}/tcp")]
    yield Line(words["close_ufw" if opening else "close"], "step")
    for command in opening:
        yield Line(command.replace("ufw allow", "ufw delete allow"), "paste")
        yield Line(f"sudo ufw allow from YOUR_NETWORK to any port {port} proto tcp", "paste")
    yield Line(words["close_local"])
    yield Line(f"{facts.relay_command} --listen 127.0.0.1:{port}", "paste")


def _endpoint(listener: ListenLine) -> str:
    host = f"[{listener.host}]" if ":" in listener.host else listener.host
    return f"{host}:{listener.port}"


def _url(admin: ListenLine) -> str:
    return f"http://{_endpoint(admin) if admin.host else f'127.0.0.1:{admin.port}'}"


def _where(protocol: str, listener: ListenLine) -> str:
    if listener.path:
        return f"unix:{listener.path}"
    return f"{protocol} {_endpoint(listener) if listener.host else listener.port}"


def _families(listener: ListenLine, words: dict[str, str]) -> str:
    if set(listener.families) == {4, 6}:
        return words["both_families"]
    return words["one_family"].format(family=f"IPv{listener.families[0]}")


def _mapping(listener: ListenLine, public_port: int | None, words: dict[str, str]) -> str:
    return words["others_use"].format(port=public_port) if public_port not in (None, listener.port) else ""


def _ports(tcp: int, udp: int | None, words: dict[str, str]) -> str:
    if udp is None:
        return f"TCP {tcp}"
    if not tcp:
        return f"UDP {udp}"
    return words["ports"].format(tcp=f"TCP {tcp}", udp=f"UDP {udp}")
