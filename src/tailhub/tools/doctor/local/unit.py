"""The systemd unit that starts the relay, as its files say it. Reads, asks nobody.

Sources: systemd.unit(5) (drop-ins), systemd.exec(5) (environment), systemd.service(5) ("Command lines").
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

__all__ = ["Unit", "find_units", "parse_unit"]

_PLACES = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
_MOST_FILES = 1000
_PREFIXES = "-@:+!"  # of an executable in a command line


@dataclass(frozen=True, slots=True)
class Unit:
    """One service: its `name` without the suffix, and for each key all values that it has, in their order."""

    name: str
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def last(self, key: str, default: str = "") -> str:
        """The value that counts where only one can."""
        return (self.values.get(key) or (default,))[-1]

    @property
    def command(self) -> list[str]:
        """The words of what it starts; empty for none, or one that cannot be read."""
        return _words(self.last("ExecStart").lstrip(_PREFIXES))

    @property
    def state_dirs(self) -> list[Path]:
        """The directories that systemd makes for its state, which are in `STATE_DIRECTORY` too."""
        return [Path("/var/lib") / name.partition(":")[0] for name in _words(self.last("StateDirectory"))]

    def is_on(self, key: str) -> bool:
        """Is it switched on?"""
        return self.last(key).lower() in ("yes", "true", "on", "1")

    def environ(self, root: Path) -> dict[str, str]:
        """The variables that it sets; files with them that this user may not read are left out."""
        found: dict[str, str] = {}
        for line in self.values.get("Environment", ()):
            found |= dict(word.partition("=")[::2] for word in _words(line))
        for name in self.values.get("EnvironmentFile", ()):
            for line in read(root / name.lstrip("-/")).splitlines():
                if not line.lstrip().startswith(("#", ";")) and "=" in line:
                    key, _, value = line.strip().partition("=")
                    found[key] = "".join(_words(value)) if value[:1] in "\"'" else value
        if self.state_dirs:
            found["STATE_DIRECTORY"] = ":".join(map(str, self.state_dirs))
        return found


def find_units(root: Path) -> Iterator[Unit]:
    """The services whose files speak of a relay; one that an administrator has made hides another of its name."""
    seen: set[str] = set()
    for place in _PLACES:
        try:
            files = sorted(islice((root / place).glob("*.service"), _MOST_FILES))
        except OSError:
            continue
        for path in files:
            if path.name not in seen:
                seen.add(path.name)
                text = read(path)
                if "tailhub" in text or "derper" in text:
                    yield parse_unit(path.stem, text + "".join(f"\n{more}" for more in _drop_ins(root, path.name)))


def parse_unit(name: str, text: str) -> Unit:
    """A unit from the text of its file, with those of its drop-ins behind it. An empty value takes back what was."""
    values: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key.startswith(("#", ";")):
            continue
        if value.strip():
            values.setdefault(key.strip(), []).append(value.strip())
        else:
            values.pop(key.strip(), None)
    return Unit(name, {key: tuple(found) for key, found in values.items()})


def _drop_ins(root: Path, name: str) -> Iterator[str]:
    for place in reversed(_PLACES):
        try:
            files = sorted((root / place / f"{name}.d").glob("*.conf"))
        except OSError:
            continue
        yield from map(read, files)


def _words(text: str) -> list[str]:
    try:
        return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(text)]
    except ValueError:  # a quote without its other half
        return []


def read(path: Path) -> str:
    """The text of a small file, "" for one that this user cannot read."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 18).decode("utf-8", "replace")
    except OSError:
        return ""
