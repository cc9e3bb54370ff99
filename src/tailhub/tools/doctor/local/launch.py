"""How the relay of this machine is started: its words and its environment, from a process, a unit, or whoever looks.

Reads /proc and units, asks nobody. Not here: what the words mean (`tailhub.settings`), but for which words there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tailhub.findings import Finding
from tailhub.findings import local as local_findings
from tailhub.settings.merge import CONFIG
from tailhub.settings.table import SETTINGS
from tailhub.tools.doctor.local.unit import Unit, read

__all__ = ["Launch", "find_processes", "flags_of", "home_of", "launch_of_unit", "relay_words"]

_SWITCHES_WITH_VALUE = ("-X", "-W")  # of Python
_MOST_PROCESSES = 20_000


@dataclass(frozen=True, slots=True)
class Launch:
    """What starts the relay. `words` are those behind ``relay`` or, if it `is_original`, ``derper``.

    `environ` is None where this user may not read it. `uid` is the user's as whom it runs, None where that is not
    known; `directory` is where relative paths count from. `pid` is 0 for what does not run, `unit` None without one.
    `is_contained`: it runs in a container, whose files and addresses are not ours.
    """

    words: tuple[str, ...] = ()
    is_original: bool = False
    environ: Mapping[str, str] | None = field(default_factory=dict)
    uid: int | None = None
    directory: Path = Path("/")
    pid: int = 0
    unit: Unit | None = None
    is_contained: bool = False


def relay_words(command: Sequence[str], root: Path = Path("/")) -> tuple[tuple[str, ...], bool] | None:
    """The words for the relay in a command line, and whether they are the original's; None for another program.

    The original itself, which is no script, is another program.
    """
    words = list(command)
    is_python = bool(words) and PurePosixPath(words[0]).name.startswith("python")
    if is_python:
        words = _after_python(words[1:])
    if not words:
        return None
    name = PurePosixPath(words[0]).name
    if name == "tailhub" and words[1:2] in (["relay"], ["derper"]):
        return tuple(words[2:]), words[1] == "derper"
    if name == "derper" and (is_python or _is_script(root / words[0].lstrip("/"))):
        return tuple(words[1:]), True
    return None


def _after_python(words: list[str]) -> list[str]:
    """The program that Python runs, and its words."""
    while words and words[0].startswith("-"):
        if words[0] == "-m":
            return words[1:]
        words = words[2 if words[0] in _SWITCHES_WITH_VALUE else 1 :]
    return words


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def find_processes(root: Path = Path("/")) -> Iterator[Launch]:
    """The relays that run, as far as this user can see them, in containers too: of the processes of one, the first."""
    found: dict[int, Launch] = {}
    parents: dict[int, int] = {}
    own = _spaces(root / "proc/self")
    for directory in sorted((root / "proc").glob("[0-9]*"), key=lambda path: int(path.name))[:_MOST_PROCESSES]:
        command = read(directory / "cmdline").split("\0")[:-1]
        if (parts := relay_words(command, root)) is None:
            continue
        pid = int(directory.name)
        parents[pid] = _parent(directory)
        words, is_original = parts
        found[pid] = Launch(
            words,
            is_original,
            environ=_environ(directory),
            uid=_owner(directory),
            directory=_directory(directory),
            pid=pid,
            is_contained=any(there not in (here, "") for here, there in zip(own, _spaces(directory), strict=True)),
        )
    yield from (launch for pid, launch in found.items() if parents[pid] not in found)


def launch_of_unit(unit: Unit, root: Path = Path("/")) -> Launch | None:
    """How this unit starts a relay; None if it starts something else."""
    if (parts := relay_words(unit.command, root)) is None:
        return None
    directory = Path(unit.last("WorkingDirectory", "/").lstrip("-"))
    uid = _user_id(unit)
    environ = {"PATH": os.defpath, **home_of(uid), **unit.environ(root)}
    return Launch(*parts, environ, uid, directory if directory.is_absolute() else Path("/"), unit=unit)


def home_of(uid: int | None) -> dict[str, str]:
    """The variable by which systemd and logins tell a user's programs where its home is; none for an unknown user."""
    try:
        from pwd import getpwuid

        return {"HOME": getpwuid(uid).pw_dir} if uid is not None else {}
    except (ImportError, KeyError):
        return {}


def _user_id(unit: Unit) -> int | None:
    name = unit.last("User", "root")
    if unit.is_on("DynamicUser"):
        return None
    try:
        from pwd import getpwnam, getpwuid

        return getpwuid(int(name)).pw_uid if name.isdigit() else getpwnam(name).pw_uid
    except (ImportError, KeyError):
        return None


def _parent(directory: Path) -> int:
    fields = read(directory / "stat").rpartition(")")[2].split()  # the name before may have anything in it
    return int(fields[1]) if len(fields) > 1 else 0


def _spaces(directory: Path) -> tuple[str, str]:
    """The name spaces in which this process has its number and its addresses; "" where that cannot be seen."""
    return _link(directory / "ns/pid"), _link(directory / "ns/net")


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _environ(directory: Path) -> dict[str, str] | None:
    try:
        data = (directory / "environ").read_bytes()
    except OSError:
        return None
    pairs = (one.decode("utf-8", "surrogateescape").partition("=") for one in data.split(b"\0") if one)
    return {name: value for name, _, value in pairs}


def _owner(directory: Path) -> int | None:
    try:
        return directory.stat().st_uid
    except OSError:
        return None


def _directory(directory: Path) -> Path:
    try:
        return (directory / "cwd").readlink()
    except OSError:
        return Path("/")


def flags_of(words: Sequence[str], directory: Path) -> tuple[dict[str, object], list[Finding]]:
    """The flags of ``tailhub relay`` as `load` takes them, and those that there are not or that lack a value."""
    names = {flag: setting for setting in SETTINGS for flag in setting.flags}
    values: dict[str, object] = {}
    faults: list[Finding] = []
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        setting = names.get(flag)
        if setting is not None and setting.kind == "switch" and not equals:
            values[setting.name] = flag == setting.flag
        elif flag in (f"--{CONFIG}", "--lang") or setting is not None:
            if not equals and (value := next(rest, "")) == "":
                faults.append(local_findings.unknown_relay_flag(flag, lacking=True))
            elif setting is None:
                values |= {CONFIG: str(_placed(value, directory))} if flag == f"--{CONFIG}" else {}
            elif setting.kind in ("texts", "paths"):
                values[setting.name] = [*_list(values.get(setting.name)), value]
            elif setting.kind == "path" and value not in setting.words:
                values[setting.name] = str(_placed(value, directory))
            else:
                values[setting.name] = value
        else:
            faults.append(local_findings.unknown_relay_flag(flag, _near(flag, [*names])))
    return values, faults


def _placed(text: str, directory: Path) -> Path:
    return Path(text) if text.startswith("~") else directory / text


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else []


def _near(flag: str, names: list[str]) -> str:
    import difflib  # only for those who mistype

    return next(iter(difflib.get_close_matches(flag, names, 1, 0.7)), "")
