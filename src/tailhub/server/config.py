"""What a relay is asked to do: the flags of ``tailhub relay``, before anything is opened."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import LocalError, UsageError
from tailhub.server.cores import can_share_port
from tailhub.tailcfg.build import FIRST_USER_REGION, LAST_USER_REGION
from tailhub.web.pages import PublicSettings

MAX_WORKERS = 64

# A DNS name in ASCII whose last label is not a number (RFC 1123 section 2.1).
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*(?![0-9]+$){_LABEL}")


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """One place where clients connect, and the certificate that is served there.

    The certificate comes from `cert` and `key`, else from the files in `cert_dir`, else by ACME, else it is the pinned
    one of the state directory that `pin` names (empty: the first one). Without `tls` a proxy in front has ended TLS.
    """

    listen: str = ":8443"
    public_port: int | None = None
    hostname: str = ""
    cert: Path | None = None
    key: Path | None = None
    cert_dir: Path | None = None
    acme: bool = False
    pin: str = ""
    tls: bool = True


@dataclass(frozen=True, slots=True)
class RelayConfig(ListenerConfig):
    """Values as the user wrote them; each is checked where it is used, with a finding that names its flag.

    Listeners are ``HOST:PORT`` or ``off``. Ports are None where the flag was not given. It is its own first listener,
    the one that the map advertises; others (``[[listen]]`` of the file) are in `more_listeners`.
    """

    more_listeners: tuple[ListenerConfig, ...] = ()
    http_listen: str = "off"
    stun_listen: str = ":3478"
    admin_listen: str = "127.0.0.1:9912"
    stun_public_port: int | None = None
    addresses: tuple[str, ...] = ()
    discover: bool = True
    state_dir: Path | None = None
    mesh_key_file: Path | None = None
    region_id: int | None = None
    home: str = ""
    bootstrap_dns_names: tuple[str, ...] = ()
    stun_rfc: bool = True
    workers: int | None = None  # None: by the number of cores

    @property
    def listeners(self) -> tuple[ListenerConfig, ...]:
        """All places where clients connect, the advertised one first."""
        return (self, *self.more_listeners)


def check_config(config: RelayConfig) -> None:
    """Check everything that can be checked without opening anything. Raises `UsageError` for the first fault."""
    if config.region_id is not None and not FIRST_USER_REGION <= config.region_id <= LAST_USER_REGION:
        raise UsageError(findings.bad_region_id(str(config.region_id)))
    for option, port in (("--public-port", config.public_port), ("--stun-public-port", config.stun_public_port)):
        if port is not None and not 1 <= port <= 65535:
            raise UsageError(findings.bad_port(option, str(port)))
    if config.workers is not None:
        if not 1 <= config.workers <= MAX_WORKERS:
            raise UsageError(findings.bad_workers(str(config.workers), MAX_WORKERS))
        if config.workers > 1 and not can_share_port():
            raise UsageError(findings.workers_unsupported(sys.platform))
    parse_addresses(config)
    if config.hostname and not _HOST_NAME.fullmatch(config.hostname):
        raise UsageError(findings.bad_host_name("--hostname", config.hostname))
    for name in config.bootstrap_dns_names:
        if not _HOST_NAME.fullmatch(name):
            raise UsageError(findings.bad_host_name("--bootstrap-dns-names", name))
    if config.cert is not None and config.key is None:
        raise UsageError(findings.option_needs_other("--cert", str(config.cert), "--key"))
    if config.key is not None and config.cert is None:
        raise UsageError(findings.option_needs_other("--key", str(config.key), "--cert"))
    try:
        PublicSettings(config.home)
    except LocalError as exc:
        raise UsageError(findings.bad_home(config.home)) from exc


def parse_addresses(config: RelayConfig) -> tuple[IPv4Address | IPv6Address, ...]:
    """The values of ``--address``, at most one a family. Raises `UsageError`."""
    addresses: dict[int, IPv4Address | IPv6Address] = {}
    for text in config.addresses:
        try:
            address = ip_address(text)
        except ValueError as exc:
            raise UsageError(findings.bad_address(text)) from exc
        if not _can_be_dialled(address):
            raise UsageError(findings.bad_address(text))
        before = addresses.setdefault(address.version, address)
        if before != address:
            raise UsageError(findings.too_many_addresses([str(before), str(address)]))
    return tuple(addresses.values())


def _can_be_dialled(address: IPv4Address | IPv6Address) -> bool:
    """Could clients elsewhere connect to it? Private and loopback addresses may be meant: for a LAN, for trying out."""
    if isinstance(address, IPv4Address):
        return not (address.is_unspecified or address.is_multicast or address.is_reserved or address.is_link_local)
    is_for_here = address.is_link_local or address.scope_id is not None or address.is_unspecified
    return not (is_for_here or address.is_multicast or address.ipv4_mapped is not None)


def split_hostname(hostname: str, addresses: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """``--hostname`` and ``--address`` as the relay wants them: an IP address given as the name is an address.

    The original takes either in its ``-hostname``, so commands and recipes made for it do that too.
    """
    literal = hostname.removeprefix("[").removesuffix("]")
    try:
        ip_address(literal)
    except ValueError:
        return hostname, addresses
    return "", addresses if literal in addresses else (*addresses, literal)
