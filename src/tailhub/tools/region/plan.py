"""What each node of a region needs, from its description: files for a directory a node, and the map for all. Pure.

A tailhub gets its configuration, a derper the command line as a script: source ``cmd/derper`` 1.102.5, whose mesh links
go by name and CA, so that it is given the certificates of those who have one of their own as CAs (``SSL_CERT_FILE``).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from tailhub.certs.files import Certificate
from tailhub.findings import Finding, Place, region_plan
from tailhub.keys import MeshKey
from tailhub.tailcfg.build import NO_STUN, relay_region
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tailcfg.forms import to_json
from tailhub.tailcfg.map_words import PIN_PREFIX
from tailhub.tools.region.description import ACME, FILES, PINNED, NodeDescription, RegionDescription, bracketed

__all__ = [
    "CERT_FILE",
    "CONFIG_FILE",
    "KEY_FILE",
    "MAP_FILE",
    "MESH_KEY",
    "PEER_CERTS",
    "SCRIPT",
    "PlannedFile",
    "configuration",
    "is_ours",
    "plan_faults",
    "planned_files",
    "region_map",
]

MESH_KEY = "mesh.key"
CONFIG_FILE = "tailhub.toml"
SCRIPT = "derper.sh"
PEER_CERTS = "peers.crt"
MAP_FILE = "derpmap.json"
CERT_FILE, KEY_FILE = "pinned.crt", "pinned.key"

_MADE = "# Made by `tailhub region plan`. Change the region's description instead: an edited file is not overwritten."
_SUM = "# sum "
_UNSAFE = re.compile(r"[^a-zA-Z0-9.-]")  # what derper leaves out of the names of certificate files
_SAID_BY = {
    "listen": "listen",
    "public_port": "port",
    "hostname": "host",
    "address": "address",
    "stun_listen": "stun_port",
    "acme": "certificate",
    "cert": "cert",
    "key": "key",
    "region_id": "id",
    "mesh_key_file": "",
    "mesh_with": "",
}
"""Settings that the plan makes, and by which key of the description."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file: `path` is relative to the plan's directory, with ``/``. One that is `secret` is for its owner alone."""

    path: str
    data: bytes = field(repr=False)
    secret: bool = False
    executable: bool = False


def plan_faults(plan: RegionDescription) -> Iterator[Finding]:
    """What cannot be, though each key alone is well."""
    for node in plan.nodes:
        for name in node.settings:
            if name in _SAID_BY:
                place = Place.key(name, node.place.line, node.place.file)
                yield region_plan.region_setting_planned(place, node.name, _SAID_BY[name])
        if node.kind == "derper":
            for other in plan.nodes:
                if other is not node and other.certificate.startswith(PIN_PREFIX):
                    yield region_plan.derper_knows_no_pins(other.place, node.name, other.name)


def region_map(plan: RegionDescription, pins: Mapping[str, str]) -> DERPMap:
    """The map for all clients; `pins` by the name of the node. Raises `LocalError`."""
    nodes: list[DERPNode] = []
    for node in plan.nodes:
        made = relay_region(
            region_id=plan.region_id,
            code=plan.code,
            name=plan.name,
            host_name=node.host,
            derp_port=node.port,
            stun_port=None if node.stun_port == NO_STUN else node.stun_port,
            cert_name=pins.get(node.name),
            address_certified=node.certificate in (ACME, FILES),
            ipv4=next((one for one in node.addresses if ":" not in one), None),
            ipv6=next((one for one in node.addresses if ":" in one), None),
        )
        (one,) = made.nodes
        nodes.append(msgspec.structs.replace(one, name=f"{plan.region_id}{node.name}"))
    region_of_all = DERPRegion(
        region_id=plan.region_id, region_code=plan.code, region_name=plan.name, nodes=tuple(nodes)
    )
    return DERPMap(regions={plan.region_id: region_of_all})


def planned_files(
    plan: RegionDescription, keys: Sequence[MeshKey], pairs: Mapping[str, Certificate]
) -> tuple[list[PlannedFile], DERPMap]:
    """All files but the pairs themselves, and the map. `keys`: the newest first; `pairs` by the name of the node.

    Raises `LocalError` for what no map can say.
    """
    pins = {node.name: node.certificate for node in plan.nodes if node.certificate.startswith(PIN_PREFIX)}
    pins |= {name: pair.pin for name, pair in pairs.items()}
    files = []
    for node in plan.nodes:
        # The original takes one key only.
        own_keys = keys if node.kind == "tailhub" else keys[:1]
        files.append(PlannedFile(f"{node.name}/{MESH_KEY}", key_lines(own_keys), secret=True))
        if node.kind == "tailhub":
            text = configuration(plan, node, pins)
            files.append(PlannedFile(f"{node.name}/{CONFIG_FILE}", _signed(text).encode()))
        else:
            files += _derper_files(plan, node, pairs)
    derp_map = region_map(plan, pins)
    files.append(PlannedFile(MAP_FILE, to_json(derp_map).encode() + b"\n"))
    return files, derp_map


def key_lines(keys: Sequence[MeshKey]) -> bytes:
    """A file of mesh keys."""
    return "".join(f"{key.to_text()}\n" for key in keys).encode()


def is_ours(data: bytes) -> bool:
    """Is this a file that a plan wrote, and nobody has changed since?"""
    text = data.decode("utf-8", "replace")
    head, found, rest = text.partition(_SUM)
    said, _, body = rest.partition("\n")
    return bool(found) and said == _sum(head + body)


# --- tailhub ----------------------------------------------------------------------------------------------------------


def configuration(plan: RegionDescription, node: NodeDescription, pins: Mapping[str, str]) -> str:
    """The configuration of a node that is a tailhub; files in it are beside it."""
    values: dict[str, object] = {"listen": node.listen}
    if node.listen_port != node.port:
        values["public_port"] = node.port
    if not node.is_address:
        values["hostname"] = node.host
    if addresses := [*node.addresses, *([node.host] if node.is_address and node.host not in node.addresses else [])]:
        values["address"] = addresses
    values["region_id"] = plan.region_id
    values["stun_listen"] = "off" if node.stun_port == NO_STUN else f"{node.listen_host}:{node.stun_port}"
    if node.certificate == ACME:
        values["acme"] = True
    elif node.certificate == FILES:
        values |= {"cert": node.cert, "key": node.key}
    elif node.certificate == PINNED:
        values |= {"cert": CERT_FILE, "key": KEY_FILE}
    values["mesh_key_file"] = MESH_KEY
    values["mesh_with"] = [_peer(other, pins) for other in plan.nodes if other is not node]
    lines = [f"# Node {node.name} of region {plan.region_id}, {plan.code}."]
    lines += [_line(name, value) for name, value in values.items()]
    if node.settings:
        lines += ["", "# From the description:", *(_line(name, value) for name, value in node.settings.items())]
    return "\n".join(lines) + "\n"


def _line(name: str, value: object) -> str:
    if isinstance(value, list) and len(value) > 1:
        return f"{name} = [\n" + "".join(f"  {_toml(one)},\n" for one in value) + "]"
    return f"{name} = {_toml(value)}"


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    # What JSON escapes, TOML does alike; the one character that only TOML escapes is DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _peer(node: NodeDescription, pins: Mapping[str, str]) -> str:
    """As `mesh_with` names it."""
    private = f"/{bracketed(node.private)}" if node.private else ""
    if private and node.listen_port != node.port:  # what gives others another port is not in between there
        private += f":{node.listen_port}"
    pin = f"?cert={pins[node.name]}" if node.name in pins else ""
    return f"{node.authority}{private}{pin}"


# --- derper -----------------------------------------------------------------------------------------------------------


def _derper_files(
    plan: RegionDescription, node: NodeDescription, pairs: Mapping[str, Certificate]
) -> Iterator[PlannedFile]:
    others = [other for other in plan.nodes if other is not node]
    own_cas = [pairs[other.name].chain_pem for other in others if other.name in pairs]
    words: list[str] = ["-a", node.listen, "-hostname", node.host, "-c", "derper.key"]
    words += ["-certmode", "letsencrypt" if node.certificate == ACME else "manual", "-certdir", "certs"]
    words += ["-http-port", "80" if node.certificate == ACME else "-1"]
    words += ["-stun=false"] if node.stun_port == NO_STUN else ["-stun-port", str(node.stun_port)]
    words += ["-mesh-psk-file", MESH_KEY]
    if others:
        words += ["-mesh-with", ",".join(map(_dialled, others))]
    lines = [f"# Node {node.name} of region {plan.region_id}, {plan.code}: derper 1.102.5."]
    lines += ['cd "$(dirname "$0")" || exit 1']
    if own_cas:
        lines += [f"export SSL_CERT_FILE={PEER_CERTS}  # of the nodes that no CA has certified"]
        yield PlannedFile(f"{node.name}/{PEER_CERTS}", b"".join(own_cas))
    if node.certificate == FILES:
        lines += [f"# certs/{_cert_stem(node)}.crt and .key are to be the certificate with its chain, and its key."]
    lines += [f'exec "${{DERPER:-derper}}" {shlex.join([*words, *node.options])}']
    yield PlannedFile(
        f"{node.name}/{SCRIPT}", b"#!/bin/sh\n" + _signed("\n".join(lines) + "\n").encode(), executable=True
    )
    if node.name in pairs:
        pair, stem = pairs[node.name], f"{node.name}/certs/{_cert_stem(node)}"
        yield PlannedFile(f"{stem}.crt", pair.chain_pem)
        yield PlannedFile(f"{stem}.key", pair.key_pem, secret=True)


def _dialled(node: NodeDescription) -> str:
    """As derper names it, which dials a private address at the same port as the public one."""
    return f"{node.authority}/{node.private}" if node.private and node.listen_port == node.port else node.authority


def _cert_stem(node: NodeDescription) -> str:
    return _UNSAFE.sub("", node.host)


def _signed(text: str) -> str:
    """With a head by which a later run knows whether somebody has changed it."""
    head = _MADE + "\n"
    return head + _SUM + _sum(head + text) + "\n" + text


def _sum(text: str) -> str:
    return sha256(text.removeprefix("#!/bin/sh\n").encode()).hexdigest()[:16]
