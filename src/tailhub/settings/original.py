"""The flags of Tailscale's ``derper`` and the ``DERP_*`` variables of its usual container image, as settings of ours.

Source: ``derper -help`` of 1.102.5, and the image's start command, which gives every variable as the flag of that name.
What we do not do is refused by name: no flag is ignored. What the original has no flag for may be given as a
``TAILHUB_*`` variable; what it has one for is the original's, also where nobody gave it.

Not here: how Go reads a command line (`tailhub.settings.go_flags`); what the relay makes of its settings.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.findings import Finding, Place
from tailhub.net.listen_names import look_up_names
from tailhub.net.listen_spec import repair
from tailhub.settings.go_flags import BOOLS, GoKind, read_duration, split_flags
from tailhub.settings.merge import Given, Settings, load
from tailhub.settings.table import BY_NAME
from tailhub.settings.values import MASK, public_url, value_of

__all__ = ["FLAGS", "OriginalFlag", "read_original"]

COMMAND = "derper"
_ROOT_KEY = "/var/lib/derper/derper.key"
_DERP_USERS_MESH_KEY = "/home/derp/keys/derp-mesh.key"
_IMAGE_CERT_DIR = "/app/certs"
_DEV_ADDRESS = ":3340"
_QUOTES = " \t\"'`“”‘’"


@dataclass(frozen=True, slots=True)
class OriginalFlag:
    """A flag of the original. `variable` is the image's; `refused` says that we cannot do what it asks for."""

    name: str
    kind: GoKind
    default: str
    help: str
    variable: str = ""
    refused: bool = False


FLAGS: tuple[OriginalFlag, ...] = (
    OriginalFlag("a", "text", ":443", "where clients connect; TLS with port 443 or -certmode manual", "DERP_ADDR"),
    OriginalFlag("http-port", "int", "80", "plain HTTP beside TLS; -1: off", "DERP_HTTP_PORT"),
    OriginalFlag("stun", "bool", "true", "answer STUN", "DERP_STUN"),
    OriginalFlag("stun-port", "int", "3478", "its UDP port", "DERP_STUN_PORT"),
    OriginalFlag("c", "text", "", f"file of the relay's key (root: {_ROOT_KEY})"),
    OriginalFlag("certmode", "text", "letsencrypt", "manual, letsencrypt or gcp", "DERP_CERT_MODE"),
    OriginalFlag("certdir", "text", "", "directory of certificates, in any layout", "DERP_CERT_DIR"),
    OriginalFlag("hostname", "text", "derp.tailscale.com", "DNS name or address that clients use", "DERP_DOMAIN"),
    OriginalFlag("acme-email", "text", "", "address for the ACME account"),
    OriginalFlag("acme-eab-kid", "text", "", "external account of the CA"),
    OriginalFlag("acme-eab-key", "text", "", "its key"),
    OriginalFlag("acme-ip-certs", "bool", "false", "with an address as -hostname: a certificate of the CA for it"),
    OriginalFlag("derp", "bool", "true", "be a DERP server; false: STUN only"),
    OriginalFlag("home", "text", "", "home page: nothing, blank or a URL"),
    OriginalFlag("mesh-psk-file", "text", "", "secret of the region's relays"),
    OriginalFlag("mesh-with", "text", "", "the region's other relays: host or host/dial-host, with commas"),
    OriginalFlag("bootstrap-dns-names", "text", "", "names to publish on /bootstrap-dns"),
    OriginalFlag("unpublished-bootstrap-dns-names", "text", "", "names to tell those who ask for them"),
    OriginalFlag("verify-clients", "bool", "false", "ask a local tailscaled", "DERP_VERIFY_CLIENTS"),
    OriginalFlag("socket", "text", "", "its socket, for -verify-clients"),
    OriginalFlag("verify-client-url", "text", "", "ask a program", "DERP_VERIFY_CLIENT_URL"),
    OriginalFlag("verify-client-url-fail-open", "bool", "true", "let everyone in while it cannot be reached"),
    OriginalFlag("accept-connection-limit", "number", "", "new connections a second"),
    OriginalFlag("accept-connection-burst", "int", "", "new connections at once beyond that"),
    OriginalFlag("rate-config", "text", "", "file of limits for each client; read again on SIGHUP"),
    OriginalFlag("tcp-keepalive-time", "duration", "10m", "silence before a probe"),
    OriginalFlag("tcp-user-timeout", "duration", "15s", "unanswered time before a connection ends"),
    OriginalFlag("tcp-write-timeout", "duration", "2s", "how long a client may take nothing; 0: for ever"),
    OriginalFlag("dev", "bool", "false", f"plain DERP on {_DEV_ADDRESS}, for trying out"),
    OriginalFlag("version", "bool", "false", "print the version"),
)
_ONLY_OURS = frozenset(
    (
        *("public_port", "stun_public_port", "admin_listen", "address", "discover", "new_state", "region_id"),
        *("workers", "stun_rfc", "quiet", "pin", "verify_timeout_s"),
    )
)
_BY_NAME = {flag.name: flag for flag in FLAGS}


@dataclass(slots=True)
class _Written:
    """What was written for each flag, where, and what is wrong with it."""

    values: dict[str, str] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)
    has_variables: bool = False

    def text(self, name: str) -> str:
        return self.values.get(name, _BY_NAME[name].default)

    def is_on(self, name: str) -> bool:
        return BOOLS[self.text(name)]

    def place(self, name: str) -> Place:
        return self.places.get(name) or Place.foreign(name, f"-{name}", "flag")


def read_original(
    words: Sequence[str], environ: Mapping[str, str], uid: int | None, home: Path, *, may_be_pipe: bool = True
) -> Settings | None:
    """The settings that ``derper`` with these `words` and variables means; all that is wrong stands in `faults`.

    None if only the version is asked for.

    `uid` is the user's (None on Windows), `home` the user's directory; `may_be_pipe` as for `load`. Raises `UsageError`
    for a command line that cannot be read.
    """
    written = _read(words, environ)
    if written.is_on("version"):
        return None
    settings = load({}, environ, uid, "", default=False, may_be_pipe=may_be_pipe)
    settings.relay = {name: given for name, given in settings.relay.items() if name in _ONLY_OURS}
    settings.more.clear()
    settings.relay.setdefault("admin_listen", Given("off", Place.variable("admin_listen")))  # the original has none
    written.faults = settings.faults = settings.faults + written.faults
    _refuse(written)
    _listeners(written, settings)
    _certificate(written, settings, home)
    _state(written, settings, uid)
    _access(written, settings)
    _mesh_key(written, settings, home)
    for name, ours in (
        ("home", "home"),
        ("acme-email", "acme_email"),
        ("acme-eab-kid", "acme_eab_kid"),
        ("acme-eab-key", "acme_eab_key"),
        ("mesh-with", "mesh_with"),
        ("bootstrap-dns-names", "bootstrap_dns_names"),
        ("unpublished-bootstrap-dns-names", "unpublished_bootstrap_dns_names"),
        ("accept-connection-limit", "accept_limit"),
        ("accept-connection-burst", "accept_burst"),
        ("rate-config", "rate_config"),
        ("tcp-keepalive-time", "tcp_keepalive_s"),
        ("tcp-user-timeout", "tcp_user_timeout_s"),
        ("tcp-write-timeout", "write_timeout_s"),
    ):
        if written.values.get(name):
            _give(written, settings, ours, _plain(written.values[name], _BY_NAME[name]), name)
    return settings


# --- what was written -------------------------------------------------------------------------------------------------


def _read(words: Sequence[str], environ: Mapping[str, str]) -> _Written:
    """The command line, which wins, and the variables, each mended where that is plain and checked for its kind."""
    found = split_flags(words, {flag.name: flag.kind for flag in FLAGS})
    if found.unknown:
        raise UsageError(findings.wrong_usage(found.unknown[0], COMMAND, "unknown", _near(found.unknown[0])))
    if found.lacking:
        raise UsageError(findings.wrong_usage(f"-{found.lacking[0]}", COMMAND, "lacking"))
    if found.rest:
        raise UsageError(findings.wrong_usage(" ".join(found.rest), COMMAND, "extra"))
    written = _Written()
    for flag in FLAGS:
        if flag.name in found.values:
            _take(written, flag, found.values[flag.name], Place.foreign(flag.name, f"-{flag.name}", "flag"))
        elif flag.variable and environ.get(flag.variable, "").strip(_QUOTES):
            _take(written, flag, environ[flag.variable], Place.foreign(flag.name, flag.variable, "variable"))
        written.has_variables |= bool(flag.variable) and flag.variable in environ
    return written


def _take(written: _Written, flag: OriginalFlag, text: str, place: Place) -> None:
    mended = _mended(flag, text)
    if not _is_of_kind(flag.kind, mended):
        written.faults.append(findings.original_value_bad(place, flag.kind, text, flag.default))
        return
    if mended != text:
        ours = BY_NAME.get(flag.name.replace("-", "_"))
        shown = (MASK, MASK) if ours is not None and ours.secret else (public_url(text), public_url(mended))
        written.faults.append(findings.value_repaired(place, *shown))
    written.values[flag.name], written.places[flag.name] = mended, place


def _mended(flag: OriginalFlag, text: str) -> str:
    """Without a compose file's quotes, with a colon before a lone port, a port or name out of what has more."""
    text = text.strip(_QUOTES)
    if flag.name == "a":
        mended = repair(text)
        return text if mended == "off" else mended
    if flag.name in ("http-port", "stun-port"):
        return text.rpartition(":")[2]
    if flag.name == "hostname":
        text = re.sub(r"^[A-Za-z]+://", "", text).partition("/")[0]
        return text if text.count(":") > 1 else text.partition(":")[0]
    return text


def _is_of_kind(kind: GoKind, text: str) -> bool:
    match kind:
        case "bool":
            return text in BOOLS
        case "int":
            return re.fullmatch(r"[-+]?[0-9]{1,9}", text) is not None
        case "number":
            return re.fullmatch(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", text) is not None
        case "duration":
            return read_duration(text) is not None
        case _:
            return True


def _near(flag: str) -> list[str]:
    import difflib  # only for those who mistype

    return [f"-{name}" for name in difflib.get_close_matches(flag.lstrip("-"), [*_BY_NAME], 1, 0.7)]


# --- what it means ----------------------------------------------------------------------------------------------------


def _refuse(written: _Written) -> None:
    """Say of each flag that asks for what we cannot do that we cannot."""
    for flag in FLAGS:
        if flag.refused and _differs(flag, written.text(flag.name)):
            written.faults.append(findings.original_refused(written.place(flag.name), written.text(flag.name)))


def _differs(flag: OriginalFlag, text: str) -> bool:
    """Does it ask for anything but the default?"""
    if flag.kind == "bool":
        return BOOLS[text] != BOOLS[flag.default]
    if flag.kind == "duration":
        return read_duration(text) != read_duration(flag.default)
    return text not in ("", flag.default)


def _give(written: _Written, settings: Settings, ours: str, value: str, flag: str) -> None:
    """Give one of our settings a value that comes from `flag` of the original."""
    place = written.place(flag)
    renamed = Place.foreign(ours, place.written, place.form)
    try:
        settings.relay[ours] = Given(value_of(BY_NAME[ours], value, renamed), renamed)
    except UsageError as exc:
        if isinstance(exc.finding, Finding):
            settings.faults.append(exc.finding)


def _listeners(written: _Written, settings: Settings) -> None:
    try:
        address = _DEV_ADDRESS if written.is_on("dev") else look_up_names(written.text("a"), written.place("a"))
    except UsageError as exc:
        settings.faults += [exc.finding] if isinstance(exc.finding, Finding) else []
        return
    host, _, port = address.rpartition(":")
    has_tls = not written.is_on("dev") and (port == "443" or written.text("certmode") == "manual")
    by = "dev" if written.is_on("dev") else "a"
    _give(written, settings, "listen", address if written.is_on("derp") else "off", by)
    if not has_tls and written.is_on("derp"):
        settings.relay["tls"] = Given(False, written.place("a"))
        if not written.is_on("dev"):
            settings.faults.append(findings.original_without_tls(written.place("a"), address))
    if has_tls and int(written.text("http-port")) >= 0:
        _give(written, settings, "http_listen", f"{host}:{int(written.text('http-port'))}", "http-port")
    stun = f"{host}:{written.text('stun-port')}" if written.is_on("stun") else "off"
    _give(written, settings, "stun_listen", stun, "stun-port" if written.is_on("stun") else "stun")


def _certificate(written: _Written, settings: Settings, home: Path) -> None:
    mode, host = written.text("certmode"), written.text("hostname")
    if "hostname" in written.values:
        _give(written, settings, "hostname", host, "hostname")
    if "tls" in settings.relay or not written.is_on("derp"):
        return
    directory = Path(written.text("certdir") or _default_cert_dir(written, home))
    if mode == "letsencrypt":
        settings.relay["acme"] = Given(True, written.place("certmode"))
        if _is_directory(directory):
            _give(written, settings, "acme_cache", str(directory), "certdir")
        return
    if mode != "manual":
        settings.faults.append(findings.original_certmode(written.place("certmode"), mode))
        return
    pair = [directory / f"{host}{suffix}" for suffix in (".crt", ".key")]
    if all(os.access(path, os.F_OK) for path in pair):  # not where one may not look
        for name, path in zip(("cert", "key"), pair, strict=True):
            _give(written, settings, name, str(path), "certdir")
    elif not _is_address(host):  # for an address without files one is made and pinned, as the original does
        _give(written, settings, "cert_dir", str(directory), "certdir")


def _default_cert_dir(written: _Written, home: Path) -> Path | str:
    if written.has_variables:
        return _IMAGE_CERT_DIR
    return home / ".cache" / "tailscale" / "derper-certs"


def _is_directory(path: Path) -> bool:
    """Is it one, or could it be one that this user may not look at?"""
    try:
        return path.is_dir()
    except PermissionError:
        return True


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _state(written: _Written, settings: Settings, uid: int | None) -> None:
    """The key where the original has it; what else is kept lies beside it if that directory is a relay's own."""
    key = written.text("c") or (_ROOT_KEY if uid == 0 and not written.is_on("dev") else "")
    if not key:
        return
    _give(written, settings, "key_file", key, "c")
    if "derp" in Path(key).parent.name:
        _give(written, settings, "state_dir", str(Path(key).parent), "c")


def _access(written: _Written, settings: Settings) -> None:
    """Who may relay. With both verifiers the original wants the yes of both."""
    asks_tailscaled, url = written.is_on("verify-clients"), written.text("verify-client-url")
    if asks_tailscaled:
        settings.relay["verify_tailscaled"] = Given(True, written.place("verify-clients"))
        settings.relay["verify_socket"] = Given((), written.place("socket"))  # where the system has it
        if written.text("socket"):
            _give(written, settings, "verify_socket", written.text("socket"), "socket")
    if url:
        _give(written, settings, "verify_url", url, "verify-client-url")
        flag = "verify-client-url-fail-open"
        settings.relay["verify_url_fail_open"] = Given(written.is_on(flag), written.place(flag))
    if asks_tailscaled and url:
        settings.relay["verify_all"] = Given(True, written.place("verify-clients"))


def _mesh_key(written: _Written, settings: Settings, home: Path) -> None:
    """The mesh key's file, else one of those where the original looks for it, if it is there."""
    usual = [] if written.is_on("dev") else [Path(_DERP_USERS_MESH_KEY), home / "keys" / "derp-mesh.key"]
    there = next((str(path) for path in usual if os.access(path, os.F_OK)), "")
    if path := written.text("mesh-psk-file") or there:
        _give(written, settings, "mesh_key_file", path, "mesh-psk-file")


def _plain(text: str, flag: OriginalFlag) -> str:
    """A value as we write it: seconds for a duration, a number without an exponent."""
    if flag.kind == "duration":
        text = str(read_duration(text))
    return f"{float(text):.6f}".rstrip("0").rstrip(".") if flag.kind in ("duration", "number", "int") else text
