"""What a relay is asked to do, before anything is opened: where it listens, who it is, what it answers.

Not here: where the values come from (flags, variables, a file: `tailhub.settings`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import combinations
from pathlib import Path

from tailhub import findings
from tailhub.certs.acme_challenge import LETS_ENCRYPT
from tailhub.exceptions import LocalError, UsageError
from tailhub.findings import Finding
from tailhub.net.listen_spec import MAX_PORT, ListenSpec, UnixSpec, parse_listen, parse_public
from tailhub.relay.held import MOST_HELD
from tailhub.server.cores import can_share_port
from tailhub.server.fronts import front_findings
from tailhub.server.limits_config import limit_findings
from tailhub.server.log_setup import log_findings
from tailhub.server.tenant_checks import tenant_findings
from tailhub.server.tenant_config import ALLOW_STORE, TAILSCALE_API, TenantConfig, Written
from tailhub.store.location import OFF, parse_location
from tailhub.tailcfg.region_id import FIRST_USER_REGION, LAST_USER_REGION
from tailhub.web.public_settings import PublicSettings

MAX_WORKERS = 64
MOST = {
    "write_timeout_s": 3600,
    "tcp_keepalive_s": 32767,  # as Linux
    "tcp_user_timeout_s": 86400,
    "accept_limit": 1_000_000,
    "accept_burst": 1_000_000,
    "rate_limit_bytes_per_s": 10_000_000_000,
    "rate_burst_bytes": 10_000_000_000,
    "verify_timeout_s": 60,
    "verify_refresh_s": 3600,
    "usage_retention_days": 36500,
    "remember_days": 365,
    "held_connections": 100_000,
    "receive_limit_bytes_per_s": 10_000_000_000,
    "receive_burst_bytes": 10_000_000_000,
    "tenant_rate_limit_bytes_per_s": 100_000_000_000,
    "tenant_rate_burst_bytes": 100_000_000_000,
    "relay_rate_limit_bytes_per_s": 100_000_000_000,
    "relay_rate_burst_bytes": 100_000_000_000,
    "key_connections": 1_000_000,
    "tenant_connections": 1_000_000,
    "relay_connections": 1_000_000,
    "address_rate": 1_000_000,
    "address_burst": 1_000_000,
    "quota_key_gb": 1_000_000_000,
    "quota_tenant_gb": 1_000_000_000,
    "over_quota_bytes_per_s": 10_000_000_000,
    "price_per_gb": 1_000_000,
    "drain_s": 3600,
}
"""The largest values of settings that are numbers, by name."""

NEEDS_RESTART = frozenset({"state_dir", "new_state", "key_file", "store", "workers"})
"""Fields whose other value a relay takes when it starts; any other one it takes on a reload."""

UPDATE_INDEX = "https://pypi.org/pypi/tailhub/json"
REFUSALS = ("hold", "close")
MOST_REFUSE_TEXT = 1000  # characters

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*(?![0-9]+$){_LABEL}")
"""A DNS name in ASCII whose last label is not a number (RFC 1123 section 2.1)."""


@dataclass(frozen=True)  # no slots: `RelayConfig` has a tenant's fields too
class ListenerConfig(Written):
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
    acme_directory: str = LETS_ENCRYPT
    acme_email: str = ""
    acme_challenge: str = ""  # empty: the best that can work
    acme_dns_hook: str = ""
    acme_dns_cleanup_hook: str = ""
    acme_eab_kid: str = ""
    acme_eab_key: str = field(default="", repr=False)
    acme_ca_file: Path | None = None
    acme_cache: Path | None = None  # of Go's autocert, whose certificate is taken over
    pin: str = ""
    tls: bool = True
    trusted_proxies: tuple[str, ...] = ()
    passthrough: tuple[str, ...] = ()


@dataclass(frozen=True)
class RelayConfig(TenantConfig, ListenerConfig):
    """Values as the user wrote them; each is checked where it is used, with a finding that names its place.

    Listeners are ``HOST:PORT`` or ``off``. Ports are None where the flag was not given. It is its own first listener,
    the one that the map advertises; others (``[[listen]]`` of the file) are in `more_listeners`. Likewise it is its own
    first tenant, the one without a name; others (``[[tenant]]``) are in `more_tenants`.
    """

    more_listeners: tuple[ListenerConfig, ...] = ()
    more_tenants: tuple[TenantConfig, ...] = ()
    http_listen: str = "off"
    stun_listen: str = ":3478"
    admin_listen: str = "127.0.0.1:9912"
    dashboard_relays: tuple[str, ...] = field(default=(), repr=False)  # see `tailhub.admin.other_relays`
    stun_public_port: int | None = None
    addresses: tuple[str, ...] = ()
    discover: bool = True
    state_dir: Path | None = None
    new_state: bool = False  # begin new state although other state has a pin for the same port
    key_file: Path | None = None  # the relay's own key; None: in the state directory
    store: str = field(default="", repr=False)  # where usage is kept: empty, "off", or a database's URL
    usage_retention_days: float = 400.0  # 0: for ever
    mesh_key_file: Path | None = None
    mesh_with: tuple[str, ...] = ()  # see `tailhub.server.mesh.peer_spec`
    verify_timeout_s: float = 5.0  # how long a login waits for an answer
    verify_refresh_s: float = 60.0  # how often lists of devices are read
    remember_days: float = 7.0  # how long a yes stands in for a verifier that cannot be asked; 0: not at all
    refuse: str = "hold"  # or "close"
    refuse_text: str = ""  # what those are told who are held; empty: `tailhub.server.held_login.REFUSE_TEXT`
    held_connections: int = MOST_HELD
    log_addresses: bool = True
    steer: bool = False  # there is another region: homes that are refused are moved there
    region_id: int | None = None
    home: str = ""
    bootstrap_dns_names: tuple[str, ...] = ()
    unpublished_bootstrap_dns_names: tuple[str, ...] = ()
    stun_rfc: bool = True
    own_probe: bool = True  # the probe of this machine is let in, whoever else may be
    quiet: bool = False  # tell nobody what runs here; home and stun_rfc follow it in `tailhub.settings`
    accept_limit: float = 0.0  # new connections a second on the public ports; 0: any number
    accept_burst: float = 0.0  # so many at once beyond that; 0: those of a second
    tcp_keepalive_s: float = 600.0  # silence before the kernel probes; the default is the reference's
    tcp_user_timeout_s: float = 15.0  # unanswered time before it gives a connection up; so is this
    write_timeout_s: float = 2.0  # how long a client may take no byte while some wait for it; 0: for ever
    rate_config: Path | None = None  # a file, as the original's, with what each key may send instead
    relay_rate_limit_bytes_per_s: float = 0.0  # what all clients together may send; 0: any number
    relay_rate_burst_bytes: float = 0.0
    relay_connections: int = 0  # logged in at a time; 0: any number
    address_rate: float = 0.0  # new connections a second from one address; 0: any number
    address_burst: float = 0.0
    quota_counts: str = "out"  # what is billed: "out", "in" or "both"
    quota_day: int = 1  # of the month, on which a billing month begins
    quota_time_zone: str = "UTC"
    price_per_gb: float = 0.0  # 0: none is shown
    currency: str = ""
    workers: int | None = None  # None: by the number of cores
    log_format: str = "text"  # or "logfmt", "json"
    log_level: str = "info"
    notify: tuple[str, ...] = field(default=(), repr=False)  # apprise URLs, cut at their commas
    notify_file: Path | None = None  # more of them, a line each
    notify_language: str = ""  # empty: by locale
    notify_events: tuple[str, ...] = ()  # empty: all
    update_check: bool = False
    update_index: str = UPDATE_INDEX
    push_map_to: str = ""  # "tailscale", or a file; see `tailhub.server.push_config`
    push_map_secret_file: Path | None = None
    push_map_tailnet: str = "-"
    push_map_api_url: str = TAILSCALE_API
    drain_s: float = 2.0  # over which clients are closed, at the most, when the relay is told to end

    @property
    def counts_usage(self) -> bool:
        """Is anything kept of what clients use?"""
        return self.store != OFF

    @property
    def listeners(self) -> tuple[ListenerConfig, ...]:
        """All places where clients connect, the advertised one first."""
        return (self, *self.more_listeners)

    @property
    def tenants(self) -> tuple[TenantConfig, ...]:
        """All tenants, the nameless one first."""
        return (self, *self.more_tenants)

    @property
    def notifies(self) -> bool:
        """Is anybody sent messages about the relay?"""
        return bool(self.notify) or self.notify_file is not None

    @property
    def asks_verifiers(self) -> bool:
        """Is anybody asked who may relay? If not, everyone may."""
        return any(tenant.has_verifiers for tenant in self.tenants)


def check_config(config: RelayConfig) -> None:
    """Check everything that can be checked without opening anything. Raises `UsageError` for the first fault."""
    for finding in config_findings(config):
        raise UsageError(finding)


def config_findings(config: RelayConfig) -> list[Finding]:
    """All faults that can be found without opening anything, each at the place where the user wrote the value."""
    found: list[Finding] = []
    if config.region_id is not None and not FIRST_USER_REGION <= config.region_id <= LAST_USER_REGION:
        found.append(findings.bad_region_id(str(config.region_id), config.place("region_id")))
    found += _port_findings(config, "stun_public_port", config.stun_public_port)
    if config.workers is not None:
        if not 1 <= config.workers <= MAX_WORKERS:
            found.append(findings.bad_workers(str(config.workers), MAX_WORKERS, config.place("workers")))
        elif config.workers > 1 and not can_share_port():
            found.append(findings.workers_unsupported(sys.platform))
    for name, most in MOST.items():
        for one in config.tenants if hasattr(TenantConfig, name) else (config,):
            if not 0 <= (value := getattr(one, name)) <= most:
                found.append(findings.bad_decimal(one.place(name), f"{value:g}", most))
    for name in ("rate_limit_bytes_per_s", "rate_burst_bytes"):
        if config.rate_config is not None and getattr(config, name):
            found.append(findings.options_exclude(config.place("rate_config"), config.place(name)))
    found += limit_findings(config)
    found += log_findings(config)
    found += _addresses(config)[1]
    for setting in ("bootstrap_dns_names", "unpublished_bootstrap_dns_names"):
        for name in getattr(config, setting):
            if not HOST_NAME.fullmatch(name):
                found.append(findings.bad_host_name(config.place(setting), name))
    for listener in config.listeners:
        found += _listener_findings(listener)
    if any(listener.acme or listener.acme_eab_kid or listener.acme_eab_key for listener in config.listeners):
        from tailhub.server.acme_config import acme_findings

        for listener in config.listeners:
            found += acme_findings(config, listener)
    found += _refuse_findings(config)
    for tenant in config.tenants:
        found += _access_findings(tenant)
        if tenant.allow_list == ALLOW_STORE and not config.counts_usage:
            found.append(findings.allow_list_needs_store(tenant.place("allow_list"), config.place("store")))
    found += tenant_findings(config.tenants)
    if config.notifies or config.notify_events or config.notify_language or config.update_check:
        from tailhub.server.notify_config import notify_findings

        found += notify_findings(config)
    names = ("push_map_to", "push_map_secret_file", "push_map_tailnet", "push_map_api_url")
    if any(getattr(config, name) != getattr(RelayConfig, name) for name in names):
        from tailhub.server.push_config import push_findings_of

        found += push_findings_of(config)
    try:
        parse_location(config.store, Path())
    except LocalError as exc:
        found.append(findings.bad_store(config.place("store"), str(exc)))
    try:
        PublicSettings(config.home)
    except LocalError:
        found.append(findings.bad_home(config.home, config.place("home")))
    if config.mesh_with:
        from tailhub.server.mesh.peer_spec import mesh_findings

        found += mesh_findings(config)
    if config.dashboard_relays:
        from tailhub.admin.other_relays import other_relay_findings

        found += other_relay_findings(config.dashboard_relays, config.place("dashboard_relays"))
    return found + _listening_findings(config)


def _refuse_findings(config: RelayConfig) -> Iterator[Finding]:
    """What is wrong with what becomes of those who may not relay."""
    if config.refuse not in REFUSALS:
        yield findings.bad_refuse(config.refuse, config.place("refuse"))
    if len(config.refuse_text) > MOST_REFUSE_TEXT:
        yield findings.refuse_text_long(len(config.refuse_text), MOST_REFUSE_TEXT, config.place("refuse_text"))
    if config.steer and config.stun_listen == "off":
        place = config.place("steer")
        yield findings.steer_needs_stun(place, findings.sibling(place, "stun_listen"))


def _access_findings(config: TenantConfig) -> Iterator[Finding]:
    """What is wrong with who is to be asked who may relay."""
    if config.verify_url:
        from tailhub.verifiers.url import parse_url

        try:
            parse_url(config.verify_url)
        except LocalError:
            yield findings.bad_verify_url(config.place("verify_url"), config.verify_url)
    names = ("tailscale_client_id", "tailscale_tailnet", "tailscale_api_url")
    named = any(getattr(config, name) != getattr(TenantConfig, name) for name in names)
    if config.has_device_lists or named or config.headscale_api_key or config.headscale_api_key_file:
        from tailhub.server.device_apis import device_api_findings

        yield from device_api_findings(config, config.place)
    for name, needed in (("verify_socket", "verify_tailscaled"), ("verify_url_fail_open", "verify_url")):
        if getattr(config, name) and not getattr(config, needed):
            place = config.place(name)
            yield findings.verify_setting_unused(place, findings.sibling(place, needed))


def _listener_findings(listener: ListenerConfig) -> Iterator[Finding]:
    yield from _port_findings(listener, "public_port", listener.public_port)
    if listener.hostname and not HOST_NAME.fullmatch(listener.hostname):
        yield findings.bad_host_name(listener.place("hostname"), listener.hostname)
    yield from front_findings(listener)
    for one, other in (("cert", "key"), ("key", "cert")):
        given, missing = getattr(listener, one), getattr(listener, other)
        if given is not None and missing is None:
            place = listener.place(one)
            yield findings.option_needs_other(place, str(given), findings.sibling(place, other))


def _port_findings(listener: ListenerConfig, setting: str, port: int | None) -> Iterator[Finding]:
    if port is not None and not 1 <= port <= MAX_PORT:
        yield findings.bad_port(listener.place(setting), str(port))


def _listening_findings(config: RelayConfig) -> list[Finding]:
    """What is wrong with where it is to listen."""
    found: list[Finding] = []
    specs = []
    others = [(config, name, parse_listen) for name in ("http_listen", "admin_listen", "stun_listen")]
    for listener, name, parse in (*((one, "listen", parse_public) for one in config.listeners), *others):
        try:
            specs.append(parse(getattr(listener, name), listener.place(name)))
        except UsageError as exc:
            if isinstance(exc.finding, Finding):
                found.append(exc.finding)
    if not found and not any(specs[: len(config.listeners)]) and specs[-1] is None:
        found.append(findings.nothing_to_serve())
    tcp = [spec for spec in specs if isinstance(spec, ListenSpec) and findings.name_of(spec.flag) != "stun_listen"]
    taken = {spec.port for spec in tcp}
    for first, second in combinations(tcp, 2):
        if _is_same_port(first, second):
            free = next(port for port in range(8443, MAX_PORT) if port not in taken)
            found.append(findings.port_twice(first.flag, second.flag, first.port, free))
    sockets = [spec for spec in specs if isinstance(spec, UnixSpec)]
    for one, other in combinations(sockets, 2):
        if one.path == other.path:
            found.append(findings.socket_twice(one.flag, other.flag, str(one.path)))
    return found


def _is_same_port(one: ListenSpec, other: ListenSpec) -> bool:
    """Could only one of them be bound?"""
    return one.port == other.port != 0 and any(
        a.family == b.family and (a.host == b.host or {"0.0.0.0", "::"} & {a.host, b.host})
        for a in one.endpoints
        for b in other.endpoints
    )


def parse_addresses(config: RelayConfig) -> tuple[IPv4Address | IPv6Address, ...]:
    """The values of ``--address``, at most one a family. Raises `UsageError`."""
    addresses, found = _addresses(config)
    for finding in found:
        raise UsageError(finding)
    return addresses


def _addresses(config: RelayConfig) -> tuple[tuple[IPv4Address | IPv6Address, ...], list[Finding]]:
    """The addresses, and what is wrong with them."""
    place = config.place("address")
    addresses: dict[int, IPv4Address | IPv6Address] = {}
    found = []
    for text in config.addresses:
        try:
            address = ip_address(text)
        except ValueError:
            found.append(findings.bad_address(text, place))
            continue
        if not _can_be_dialled(address):
            found.append(findings.bad_address(text, place))
            continue
        before = addresses.setdefault(address.version, address)
        if before != address:
            found.append(findings.too_many_addresses([str(before), str(address)], place))
    return tuple(addresses.values()), found


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
