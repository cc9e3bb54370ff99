"""One configuration out of three sources: a flag wins over a variable, a variable over the configuration file.

Everything that is wrong in any of them is collected, each with its place, so that all of it can be told at once. In the
place of a value that cannot be read is the default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tailhub import findings
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Finding, Place
from tailhub.server.config import ListenerConfig, RelayConfig, config_findings, split_hostname
from tailhub.server.tenant_config import TenantConfig
from tailhub.settings.default_file import default_file
from tailhub.settings.setting import Setting
from tailhub.settings.table import BY_NAME, SETTINGS, TENANT_BY_NAME, TENANT_SETTINGS
from tailhub.settings.values import shown, value_of

if TYPE_CHECKING:
    from tailhub.settings.toml_file import TomlFile

__all__ = ["CONFIG", "Given", "Origin", "Settings", "load", "settings_of"]

CONFIG = "config"
"""The flag and variable that name the configuration file."""
LISTEN = "listen"
TENANT = "tenant"

_Context = Literal["alone", "relay", "listener", "tenant"]
"""Where a key is: at the top alone, at the top beside ``[[listen]]`` tables, in one, in a ``[[tenant]]`` table."""

Origin = Literal["flag", "variable", "key", "quiet", "default"]
_QUIET: dict[str, object] = {"home": "blank", "stun_rfc": False}  # what quiet means for settings that nobody gives

# What Kubernetes tells every container about a service that is called as we are.
_SERVICE_LINK = re.compile(rf"{findings.PREFIX}(?:SERVICE|PORT)(?:_.*)?")


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, and where."""

    value: object
    place: Place


@dataclass(slots=True)
class Settings:
    """What was given, by name of the setting: `relay` for the relay and its first listener, `more` for the others.

    `tenants` have what is given for each beside the nameless one, whose settings are the relay's.

    `file` is the configuration file that was read, or the default one (`is_read` False: it is not there).
    """

    file: Path | None = None
    is_read: bool = False
    relay: dict[str, Given] = field(default_factory=dict)
    more: list[dict[str, Given]] = field(default_factory=list)
    tenants: list[dict[str, Given]] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)

    def value(self, setting: Setting) -> tuple[object, Origin, Place | None]:
        """The value of a setting of the relay or its first listener, and where it comes from."""
        if (given := self.relay.get(setting.name)) is not None:
            return given.value, given.place.form, given.place
        quiet = self.relay.get("quiet")
        if quiet is not None and quiet.value and setting.name in _QUIET:
            return _QUIET[setting.name], "quiet", quiet.place
        return setting.default, "default", None

    def config(self) -> RelayConfig:
        """What the relay takes."""
        values: dict[str, Any] = {setting.field_name: self.value(setting)[0] for setting in SETTINGS}
        places = {name: given.place for name, given in self.relay.items()}
        hostname, addresses = split_hostname(values["hostname"], values["addresses"])
        if addresses != values["addresses"]:
            places.setdefault("address", places["hostname"])
        values |= {"hostname": hostname, "addresses": addresses, "places": places}
        listeners = tuple(_listener(given) for given in self.more)
        tenants = tuple(_tenant(given) for given in self.tenants)
        return RelayConfig(**values, more_listeners=listeners, more_tenants=tenants)

    def findings(self) -> list[Finding]:
        """All that is wrong or doubtful, as far as it can be told without opening anything."""
        return [*self.faults, *config_findings(self.config())]


def load(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    uid: int | None,
    platform: str,
    default: bool = True,
    may_be_pipe: bool = True,
) -> Settings:
    """Read all three sources. `flags` has None for what was not given; `uid` is None on Windows.

    Without `default` only a file that is named is read. A pipe is waited for where it `may_be_pipe`: a relay that runs
    already must not hang. Raises `MachineError` for a file that is named and not there,
    or cannot be read, `UsageError` for a name that is none.
    """
    settings = Settings()
    usual = default_file(environ, uid, platform) if default else None
    _read_file(settings, flags.get(CONFIG), environ, usual, may_be_pipe=may_be_pipe)
    _read_environ(settings, environ)
    for setting in SETTINGS:
        written = flags.get(setting.name)
        if written is not None:
            _take(settings.relay, settings.faults, setting, written, Place.flag(setting.name))
    return settings


def settings_of(data: bytes, path: Path) -> Settings:
    """What a configuration file at `path` with this content would say, and nothing else. Opens nothing."""
    from tailhub.settings.toml_file import parse

    settings = Settings(path)
    _take_content(settings, parse(data, path))
    return settings


def _listener(given: Mapping[str, Given]) -> ListenerConfig:
    known = {one.name for one in fields(ListenerConfig)}
    values: dict[str, Any] = {BY_NAME[name].field_name: one.value for name, one in given.items() if name in known}
    values.setdefault(LISTEN, "off")  # it is a fault already
    return ListenerConfig(**values, places={name: one.place for name, one in given.items()})


def _tenant(given: Mapping[str, Given]) -> TenantConfig:
    values: dict[str, Any] = {TENANT_BY_NAME[name].field_name: one.value for name, one in given.items()}
    return TenantConfig(**values, places={name: one.place for name, one in given.items()})


def _take(
    into: dict[str, Given],
    faults: list[Finding],
    setting: Setting,
    written: object,
    place: Place,
    directory: Path | None = None,
) -> None:
    """Read one value."""
    try:
        into[setting.name] = Given(value_of(setting, written, place, directory), place)
    except UsageError as exc:
        if isinstance(exc.finding, Finding):
            faults.append(exc.finding)


# --- environment ------------------------------------------------------------------------------------------------------


def _read_environ(settings: Settings, environ: Mapping[str, str]) -> None:
    known = {Place.variable(setting.name).written: setting for setting in SETTINGS}
    has_service = findings.PREFIX + "SERVICE_HOST" in environ
    for name in sorted(name for name in environ if name.startswith(findings.PREFIX)):
        if (setting := known.get(name)) is not None:
            if environ[name].strip():  # a compose file's ${NAME:-} gives empty text for what is not set
                _take(settings.relay, settings.faults, setting, environ[name], Place.variable(setting.name))
        elif name != findings.PREFIX + CONFIG.upper() and not (has_service and _SERVICE_LINK.fullmatch(name)):
            settings.faults.append(findings.unknown_variable(name, _near(name, [*known])))


def _near(name: str, names: list[str]) -> str:
    """The name that looks most like `name`, "" if none does."""
    import difflib  # only for those who mistype

    return next(iter(difflib.get_close_matches(name, names, 1, 0.7)), "")


# --- file -------------------------------------------------------------------------------------------------------------


def _is_there(path: Path) -> bool:
    """Is it there? What lies in somebody else's directory is not for this user, if nobody names it."""
    try:
        return path.exists()
    except PermissionError:
        return False


def _read_file(
    settings: Settings, flag: object, environ: Mapping[str, str], usual: Path | None, *, may_be_pipe: bool
) -> None:
    """Read the file that is named, else the usual one if it is there."""
    settings.file = usual
    place = Place.flag(CONFIG)
    named = flag if isinstance(flag, str) else None
    if named is None and (named := environ.get(findings.PREFIX + CONFIG.upper(), "").strip() or None):
        place = Place.variable(CONFIG)
    if named is not None:
        if not named:
            raise UsageError(findings.wrong_usage(place, "tailhub relay", "lacking"))
        settings.file = Path(named).expanduser() if named.startswith("~") else Path(named)
    if settings.file is None or (named is None and not _is_there(settings.file)):
        return
    from tailhub.certs.files import read_file
    from tailhub.settings.toml_file import parse

    content = parse(read_file(settings.file, place, may_be_pipe=may_be_pipe), settings.file)
    settings.is_read = True
    _take_content(settings, content)


def _take_content(settings: Settings, content: TomlFile) -> None:
    """Take what a file says."""
    settings.faults += content.faults
    try:
        directory = content.path.absolute().parent
    except OSError as exc:  # the current directory is gone
        raise MachineError(findings.file_trouble(str(content.path), exc.strerror or str(exc))) from exc
    values = dict(content.values)
    _take_tenants(settings, content, values.pop(TENANT, []), directory)
    tables = values.get(LISTEN)
    if isinstance(tables, dict):  # [listen] with single brackets
        tables = [tables]
    if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
        del values[LISTEN]
        for number, table in enumerate(tables):
            above = (LISTEN, number) if isinstance(content.values[LISTEN], list) else (LISTEN,)
            given = settings.relay if number == 0 else {}
            for name, written in table.items():
                _take_key(given, settings.faults, name, written, content.place(name, *above), directory, "listener")
            if number:
                settings.more.append(given)
                if LISTEN not in given:
                    place = Place.key(LISTEN, content.lines.get(above, 1), str(content.path))
                    settings.faults.append(findings.listen_lacking(place, 8443 + number))
        context: _Context = "relay"
    else:
        context = "alone"
    for name, written in values.items():
        _take_key(settings.relay, settings.faults, name, written, content.place(name), directory, context)
    settings.faults.sort(key=_line)


def _take_tenants(settings: Settings, content: TomlFile, written: object, directory: Path) -> None:
    """Read the ``[[tenant]]`` tables."""
    is_array = isinstance(written, list)
    tables: list[Any] = written if isinstance(written, list) else [written]  # [tenant] with single brackets
    for number, table in enumerate(tables):
        above = (TENANT, number) if is_array else (TENANT,)
        place = Place.key(TENANT, content.lines.get(above, content.lines.get((TENANT,), 1)), str(content.path))
        if not isinstance(table, dict):
            settings.faults.append(findings.not_a_tenant_table(place, shown(table)))
            continue
        given: dict[str, Given] = {}
        for name, written in table.items():
            _take_key(given, settings.faults, name, written, content.place(name, *above), directory, "tenant")
        given.setdefault("name", Given("", place))
        settings.tenants.append(given)


def _take_key(
    into: dict[str, Given],
    faults: list[Finding],
    name: str,
    written: object,
    place: Place,
    directory: Path,
    context: _Context,
) -> None:
    """Read one key."""
    setting = TENANT_BY_NAME.get(name) if context == "tenant" else BY_NAME.get(name)
    if setting is None and name in (BY_NAME if context == "tenant" else TENANT_BY_NAME):
        faults.append(findings.misplaced_for_tenant(place, relay=context == "tenant"))
    elif setting is None:
        settings = TENANT_SETTINGS if context == "tenant" else SETTINGS
        names = [one.name for one in settings if context != "listener" or one.in_listen]
        faults.append(findings.unknown_setting(place, _near(name.lower().replace("-", "_"), names)))
    elif context == "listener" and not setting.in_listen:
        faults.append(findings.misplaced_setting(place, relay=True))
    elif context == "relay" and setting.in_listen:
        faults.append(findings.misplaced_setting(place, relay=False))
    else:
        _take(into, faults, setting, written, place, directory)


def _line(finding: Finding) -> int:
    """The line of the file that it is about."""
    places = [value.line for value in finding.values.values() if isinstance(value, Place)]
    line = finding.values.get("line", 0)
    return max([line if isinstance(line, int) else 0, *places])
