"""The description of a region that ``tailhub region plan`` reads: one TOML file, which says of each node what differs.

Reading only: what becomes of it is in `tailhub.tools.region.plan`. Whatever is wrong is a finding with its place.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, cast

from tailhub.findings import Finding, Place, region_plan
from tailhub.net.listen_spec import MAX_PORT
from tailhub.server.config import HOST_NAME
from tailhub.server.mesh.peer_spec import MOST_PEERS
from tailhub.settings.toml_file import TomlFile, parse
from tailhub.settings.values import shown
from tailhub.tailcfg.map_words import PIN_PREFIX
from tailhub.tailcfg.region_id import FIRST_USER_REGION, LAST_USER_REGION

__all__ = ["Kind", "NodeDescription", "RegionDescription", "read_description"]

Kind = Literal["tailhub", "derper"]
MOST_NODES = MOST_PEERS + 1
NODE = "node"
SETTINGS = "settings"
ACME, FILES, PINNED = "acme", "files", "pinned"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_PIN = re.compile(re.escape(PIN_PREFIX) + "[0-9a-f]{64}")
_NAMELESS = "?"  # no node's name
_TOP = ("id", "code", "name", SETTINGS, NODE)
_OF_NODE = (
    *("name", "kind", "host", "address", "port", "stun_port", "listen", "private", "certificate", "cert", "key"),
    *("restart", "options", SETTINGS),
)


@dataclass(frozen=True, slots=True)
class NodeDescription:
    """One node. `host` is what the map and other nodes call it: a name, or an address without brackets.

    `addresses` are what the map gives beside a name. `listen` is HOST:PORT; `private` an address or name for links.
    `certificate` is "acme", "files", "pinned" or a pin. `settings` are more lines of a tailhub's configuration,
    `options` more words of a derper's command line, `restart` the words of the command that restarts it; none: a person
    does.
    """

    name: str
    place: Place
    host: str
    kind: Kind = "tailhub"
    addresses: tuple[str, ...] = ()
    port: int = 443
    stun_port: int = 3478  # -1: none
    listen: str = ""
    private: str = ""
    certificate: str = ACME
    cert: str = ""
    key: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()

    @property
    def is_address(self) -> bool:
        """Is it called by an address?"""
        return _is_address(self.host)

    @property
    def listen_host(self) -> str:
        """Where it listens, as HOST of HOST:PORT; empty: everywhere."""
        return self.listen.rpartition(":")[0]

    @property
    def listen_port(self) -> int:
        """Its own port; others may have to use another one."""
        return int(self.listen.rpartition(":")[2])

    @property
    def authority(self) -> str:
        """``HOST:PORT`` for who dials it."""
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class RegionDescription:
    """A whole region."""

    path: Path
    region_id: int
    code: str
    name: str
    nodes: tuple[NodeDescription, ...]


def bracketed(host: str) -> str:
    """A host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def read_description(data: bytes, path: Path) -> tuple[RegionDescription, list[Finding]]:
    """What the file at `path` says, as far as it can be read, and all that is wrong with it."""
    content = parse(data, path)
    if content.faults:  # what cannot be read seems to lack much
        return RegionDescription(path, FIRST_USER_REGION, "", "", ()), list(content.faults)
    table = _Table(content, content.values, ())
    table.names(_TOP)
    region_id = table.number("id", FIRST_USER_REGION, LAST_USER_REGION, None)
    code = table.text("code", _NAME, "a short word, such as `fra`") or "region"
    name = table.text("name") or code
    settings = table.settings()
    nodes: list[NodeDescription] = []
    node_faults: list[Finding] = []
    tables = table.tables(NODE)
    if (count := len(tables)) > MOST_NODES:
        fault = region_plan.region_value_wrong(table.place(NODE), f"{MOST_NODES} nodes at most", str(count))
        return RegionDescription(path, region_id, code, name, ()), [*table.faults, fault]
    for number, values in enumerate(tables):
        one = _Table(content, values, (NODE, number))
        nodes.append(_node(one, settings))
        node_faults += one.faults
    faults = [*table.faults, *node_faults, *_twice(nodes)]
    return RegionDescription(path, region_id, code, name, tuple(nodes)), faults


def _node(table: _Table, settings: Mapping[str, object]) -> NodeDescription:
    table.names(_OF_NODE)
    name = table.text("name", _NAME, "letters, digits, - and _") or _NAMELESS
    host = table.text("host", None, "", needed=True).removeprefix("[").removesuffix("]")
    if host and not _is_host(host):
        table.wrong("host", "a name (in ASCII, without a dot at its end) or an address, without a port")
    kind = cast(Kind, table.choice("kind", ("tailhub", "derper")))
    port = table.number("port", 1, MAX_PORT, 443)
    listen = table.text("listen") or f":{port}"
    if not re.fullmatch(r".*:[0-9]{1,5}", listen):
        table.wrong("listen", "HOST:PORT or :PORT")
        listen = f":{port}"
    node = NodeDescription(
        name=name,
        place=table.place("name"),
        host=host,
        kind=kind,
        addresses=table.addresses("address"),
        port=port,
        stun_port=table.number("stun_port", -1, MAX_PORT, 3478),
        listen=listen,
        private=table.text("private").removeprefix("[").removesuffix("]"),
        certificate=_certificate(table, host),
        cert=table.text("cert"),
        key=table.text("key"),
        settings={**settings, **table.settings()} if kind == "tailhub" else {},
        options=table.texts("options"),
        restart=_words(table),
    )
    if node.private and not _is_host(node.private):
        table.wrong("private", "a name or an address, without a port: it is the node's own")
    _check_kind(table, node)
    return node


def _certificate(table: _Table, host: str) -> str:
    usual = PINNED if _is_address(host) else ACME
    chosen = table.text("certificate") or usual
    if chosen not in (ACME, FILES, PINNED) and not _PIN.fullmatch(chosen):
        table.wrong("certificate", f"acme, files, pinned, or {PIN_PREFIX} and 64 digits of 0-9a-f")
        return usual
    return chosen


def _words(table: _Table) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(table.text("restart")))
    except ValueError:
        table.wrong("restart", "one command, with its quotes closed")
        return ()


def _check_kind(table: _Table, node: NodeDescription) -> None:
    """What goes with what."""
    if node.stun_port == 0:
        table.wrong("stun_port", "a port, or -1 for none")
    if node.is_address and any((":" in one) == (":" in node.host) and one != node.host for one in node.addresses):
        table.wrong("address", "the host's own address, or one of the other family")
    if node.kind == "derper":
        for name in (SETTINGS, "cert", "key"):
            if name in table.values:
                table.faults.append(region_plan.region_key_of_other_kind(table.place(name), "tailhub"))
        if node.certificate == ACME and node.port != 443:
            table.wrong("port", "443: derper has a certificate by ACME there only")
        return
    if "options" in table.values:
        table.faults.append(region_plan.region_key_of_other_kind(table.place("options"), "derper"))
    for name in ("cert", "key"):
        if node.certificate == FILES and name not in table.values:
            place, example = table.place(name), f'{name} = "/etc/letsencrypt/live/{node.host}/'
            table.faults.append(
                region_plan.region_key_missing(
                    place, "[[node]]", example + ('fullchain.pem"' if name == "cert" else 'privkey.pem"')
                )
            )


def _twice(nodes: list[NodeDescription]) -> list[Finding]:
    """Nodes that cannot both be."""
    found = []
    seen: dict[tuple[object, ...], NodeDescription] = {}
    for node in nodes:
        names = [(node.name.lower(),)] if node.name != _NAMELESS else []
        for said in (*names, *([(node.host.lower(), node.port)] if node.host else [])):
            if (other := seen.setdefault(said, node)) is not node:
                found.append(region_plan.described_twice(node.place, ":".join(map(str, said)), other.place.line))
    return found


def _is_host(text: str) -> bool:
    """Can it be dialled, as far as one sees it?"""
    if not _is_address(text):
        return HOST_NAME.fullmatch(text) is not None
    address = ip_address(text)
    return not (address.is_unspecified or address.is_multicast)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class _Table:
    """One table of the file, and what is wrong in it."""

    def __init__(self, content: TomlFile, values: Mapping[str, Any], above: tuple[str | int, ...]) -> None:
        self._content = content
        self._above = above
        self.values = values
        self.faults: list[Finding] = []

    @property
    def _called(self) -> str:
        return "[[node]]" if self._above else str(self._content.path)

    def place(self, name: str) -> Place:
        return self._content.place(name, *self._above)

    def wrong(self, name: str, expected: str) -> None:
        self.faults.append(region_plan.region_value_wrong(self.place(name), expected, shown(self.values.get(name))))

    def names(self, known: tuple[str, ...]) -> None:
        """Say which of its keys there are not."""
        for name in self.values:
            if name not in known:
                near = next(iter(difflib.get_close_matches(name.lower().replace("-", "_"), known, 1, 0.6)), "")
                self.faults.append(region_plan.region_key_unknown(self.place(name), near))

    def text(self, name: str, form: re.Pattern[str] | None = None, expected: str = "", *, needed: bool = False) -> str:
        """A text; one with a `form` must be there, and have it."""
        value = self.values.get(name)
        if value is None and (form is not None or needed):
            self.faults.append(
                region_plan.region_key_missing(self.place(name), self._called, f'{name} = "{_EXAMPLES[name]}"')
            )
            return ""
        if value is None:
            return ""
        if not isinstance(value, str) or not value.isprintable() or (form is not None and not form.fullmatch(value)):
            self.wrong(name, expected or "text")
            return ""
        return value

    def tables(self, name: str) -> list[Mapping[str, Any]]:
        """The tables ``[[name]]``, of which there must be one."""
        value = self.values.get(name, [])
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            return value
        if value == []:
            self.faults.append(region_plan.region_key_missing(self.place(name), self._called, ""))
        else:
            self.wrong(name, f"a table [[{name}]] for each node")
        return []

    def number(self, name: str, least: int, most: int, default: int | None) -> int:
        value = self.values.get(name, default)
        if value is None:
            self.faults.append(
                region_plan.region_key_missing(self.place(name), self._called, f"{name} = {_EXAMPLES[name]}")
            )
        elif isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong(name, f"a number from {least} to {most}")
        else:
            return value
        return least if default is None else default

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.values.get(name, choices[0])
        if value not in choices:
            self.wrong(name, " | ".join(choices))
            return choices[0]
        return str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A text, or a list of them."""
        value = self.values.get(name, [])
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(one, str) and one.isprintable() for one in texts):
            self.wrong(name, "text, or a list of texts")
            return ()
        return tuple(texts)

    def addresses(self, name: str) -> tuple[str, ...]:
        """Addresses, at most one a family."""
        texts = self.texts(name)
        if not all(_is_address(text) for text in texts) or len({":" in text for text in texts}) < len(texts):
            self.wrong(name, "an IPv4 address, an IPv6 address, or one of each")
            return ()
        return tuple(str(ip_address(text)) for text in texts)

    def settings(self) -> dict[str, object]:
        """More lines for a configuration."""
        values = self.values.get(SETTINGS, {})
        if not isinstance(values, dict):
            self.wrong(SETTINGS, f"a table, [{'node.' if self._above else ''}settings]")
            return {}
        for name, value in values.items():
            parts = value if isinstance(value, list) else [value]
            if not all(isinstance(one, bool | int | float | str) for one in parts):
                place = self._content.place(name, *self._above, SETTINGS)
                self.faults.append(
                    region_plan.region_value_wrong(place, "text, a number, true, false, or a list of texts", "{…}")
                )
        return dict(values)


_EXAMPLES = {"id": "901", "code": "fra", "name": "a", "host": "a.example.com"}
