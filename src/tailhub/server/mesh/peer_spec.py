"""How other relays of the region are named in the setting `mesh_with`; ``derper -mesh-with`` has a part of it.

    HOST[:PORT][/DIAL-HOST[:PORT]][?OPTIONS]   one relay; its certificate is for HOST, DIAL-HOST is another way to it
    dns:NAME[:PORT][?OPTIONS]                  each address of NAME is a relay; certificates are for NAME
    srv:NAME[?OPTIONS]                         each target of the SRV record is a relay, with the port that stands there

OPTIONS are ``cert=`` (a pin or a name, as CertName of a DERP map) and ``tls=on|off``, with & between them. An IPv6
address stands in brackets; a DIAL-HOST without a port may do without, as the reference takes it: there its port is
always the one of HOST (``cmd/derper/mesh.go``). Not here: looking names up (`tailhub.server.mesh.resolving`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from tailhub.client.peer_certificate import check_cert_name
from tailhub.exceptions import LocalError
from tailhub.findings import Finding, mesh_peers
from tailhub.findings.place import Place, sibling
from tailhub.findings.remark import Remark
from tailhub.net.listen_spec import MAX_PORT
from tailhub.server.config import HOST_NAME, RelayConfig
from tailhub.tailcfg.map_words import PIN_PREFIX

__all__ = ["DEFAULT_PORT", "MOST_PEERS", "PeerError", "PeerSource", "PeerSpec", "mesh_findings", "parse_peer"]

DEFAULT_PORT = 443  # the reference's
MOST_PEERS = 64  # relays to which links are kept

_OPTIONS = ("cert", "tls")
_PORT = re.compile("[0-9]{1,5}")
_PATH = "derp"  # of each relay's URL; a host that is called so is written with its port
_SEPARATOR = re.compile(r"[\s;,]")
_FINGERPRINT = re.compile(r"(?i:sha256(?:-raw)?[:=])?([0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31})")
"""A pin as other programs write it: without a prefix, in capitals, with colons between its bytes."""


class PeerError(LocalError):
    """What was written names no relay; `remark` says why, as a clause."""

    def __init__(self, remark: Remark) -> None:
        super().__init__(str(remark))
        self.remark = remark


class PeerSource(StrEnum):
    """Where it is known from where a relay is."""

    HOST = "host"  # it is written there
    DNS = "dns"
    SRV = "srv"


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """Where to dial, and what the certificate must look like.

    `text` is what was written; of a relay that a name stands for the entry without options, and where the relay is.
    `port` is the one to dial, at `dial_host` if there is one. The certificate is for `host`, or as `cert_name` says.
    """

    text: str
    host: str
    port: int = DEFAULT_PORT
    dial_host: str = ""  # another address of the same relay; empty: `host`
    cert_name: str = ""  # as in a DERP map: ``sha256-raw:…`` or a name
    tls: bool = True
    source: PeerSource = PeerSource.HOST  # other than HOST: `host` is a name to be looked up

    @property
    def name(self) -> str:
        """As people and metrics call it: without what its certificate must look like."""
        return self.text.partition("?")[0]


def parse_peer(text: str) -> PeerSpec:
    """Read one entry of `mesh_with`. Raises `PeerError`."""
    if "://" in text:
        raise _instead(text.strip(), _of_url(text.strip()))
    place, has_options, query = text.strip().partition("?")
    cert_name, tls = _options(query) if has_options else ("", True)
    source, place = _source(place)
    named, slash, dial = place.partition("/")
    if "/" in dial:
        raise PeerError(Remark("mesh-peer-parts", {"found": place}))
    if dial == _PATH:
        raise PeerError(Remark("mesh-peer-path", {"found": place, "instead": named}))
    host, port = _host_port(named)
    dial_host, dial_port = "", None
    if slash:
        dial_host, dial_port = (dial, None) if _is_address(dial) else _host_port(dial)
    if source is not PeerSource.HOST:
        if _is_address(host):
            raise PeerError(Remark("mesh-peer-address-as-name", {"found": host}))
        if slash:
            raise PeerError(Remark("mesh-peer-dial-host-of-name", {"found": dial}))
        if source is PeerSource.SRV and port is not None:
            raise PeerError(Remark("mesh-peer-port-of-srv", {"found": str(port)}))
    if dial_port is None:
        dial_port = DEFAULT_PORT if port is None else port
    return PeerSpec(text.strip(), host, dial_port, dial_host, cert_name, tls, source)


def mesh_findings(config: RelayConfig) -> Iterator[Finding]:
    """What is wrong with how other relays are named, as far as it can be told without a look."""
    place = config.place("mesh_with")
    if config.mesh_key_file is None:
        yield mesh_peers.mesh_without_key(place, _key_place(place))
    if config.push_map_to:
        yield mesh_peers.map_pushed_by_one_node(config.place("push_map_to"), place)
    if len(config.mesh_with) > MOST_PEERS:
        yield mesh_peers.too_many_mesh_peers(place, len(config.mesh_with), MOST_PEERS)
    seen: dict[tuple[str, int, PeerSource], str] = {}
    for text in config.mesh_with:
        try:
            spec = parse_peer(text)
        except PeerError as exc:
            yield mesh_peers.bad_mesh_peer(place, text, exc.remark)
            continue
        where = ((spec.dial_host or spec.host).lower(), spec.port, spec.source)
        if where in seen:
            yield mesh_peers.mesh_peer_twice(place, seen[where], text)
        seen.setdefault(where, text)


def _key_place(place: str) -> Place:
    """Where the mesh key would be named by who names relays at `place`."""
    if isinstance(place, Place) and place.written == "-mesh-with":
        return Place.foreign("mesh_key_file", "-mesh-psk-file", "flag")
    return sibling(place, "mesh_key_file")


def _source(place: str) -> tuple[PeerSource, str]:
    """What a beginning says of where relays are known from, and the rest."""
    for source in (PeerSource.DNS, PeerSource.SRV):
        if place.lower().startswith(f"{source}:"):
            return source, place[len(source) + 1 :]
    if place.lower().startswith("nodekey:"):
        raise PeerError(Remark("mesh-peer-key"))
    return PeerSource.HOST, place


def _host_port(text: str) -> tuple[str, int | None]:
    """``HOST[:PORT]``, an IPv6 address in brackets; None if no port is given."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host or not _is_address(host):
            raise PeerError(Remark("mesh-peer-host", {"found": text}))
        colon, port = rest[:1], rest[1:]
        if colon not in ("", ":"):
            raise PeerError(Remark("mesh-peer-port", {"found": rest}))
    elif _is_address(text) and ":" in text:
        raise PeerError(Remark("mesh-peer-bare-ipv6", {"found": text}))
    else:
        host, colon, port = text.partition(":")
    if not host:
        raise PeerError(Remark("mesh-peer-empty"))
    _check_host(host)
    if not colon:
        return host, None
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= MAX_PORT:
        raise PeerError(Remark("mesh-peer-port", {"found": port}))
    return host, int(port)


def _check_host(host: str) -> None:
    """Raises `PeerError` for what is neither an address that can be dialled nor a name in ASCII."""
    if _is_address(host):
        address = ip_address(host)
        if address.is_unspecified or address.is_multicast:
            raise PeerError(Remark("mesh-peer-nowhere", {"found": host}))
    elif _SEPARATOR.search(host):
        raise PeerError(Remark("mesh-peer-several", {"found": host}))
    elif not HOST_NAME.fullmatch(host):
        with contextlib.suppress(UnicodeError):
            name = host.removesuffix(".").encode("idna").decode()
            if name != host and HOST_NAME.fullmatch(name):
                raise _instead(host, name)
        raise PeerError(Remark("mesh-peer-host", {"found": host}))


def _instead(found: str, instead: str) -> PeerError:
    """What was written is not how it is written; empty: that cannot be told."""
    return PeerError(Remark("mesh-peer-instead" if instead else "mesh-peer-host", {"found": found, "instead": instead}))


def _of_url(text: str) -> str:
    """How a relay is named whose URL this is; empty: it is none's."""
    scheme, _, rest = text.partition("://")
    place = rest.partition("/")[0].removesuffix(".")
    with contextlib.suppress(PeerError):
        if scheme.lower() in (PeerSource.DNS, PeerSource.SRV):
            return parse_peer(f"{scheme.lower()}:{place}").text
        _, port = _host_port(place)
        plain = scheme.lower() in ("http", "ws")
        return parse_peer(place + (":80" if plain and port is None else "") + ("?tls=off" if plain else "")).text
    return ""


def _options(query: str) -> tuple[str, bool]:
    """What the certificate must be, and whether there is TLS."""
    found: dict[str, str] = {}
    for option in query.split("&"):
        name, equals, value = option.partition("=")
        if name not in _OPTIONS or not equals:
            raise PeerError(Remark("mesh-peer-option", {"found": option}))
        if name in found:
            raise PeerError(Remark("mesh-peer-option-twice", {"found": name}))
        found[name] = value
    if found.get("tls", "on") not in ("on", "off"):
        raise PeerError(Remark("mesh-peer-tls", {"found": found["tls"]}))
    has_tls = found.get("tls", "on") == "on"
    if "cert" not in found:
        return "", has_tls
    if not has_tls:
        raise PeerError(Remark("mesh-peer-cert-without-tls"))
    if (pin := _FINGERPRINT.fullmatch(found["cert"])) and found["cert"] != (
        instead := PIN_PREFIX + pin[1].replace(":", "").lower()
    ):
        raise _instead(f"cert={found['cert']}", f"cert={instead}")
    try:
        check_cert_name(found["cert"])
    except LocalError:
        raise PeerError(Remark("mesh-peer-cert", {"found": found["cert"]})) from None
    if ":" not in found["cert"] and not HOST_NAME.fullmatch(found["cert"]):
        raise PeerError(Remark("mesh-peer-cert", {"found": found["cert"]}))
    return found["cert"], True


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
