"""Findings about the state directory and the files with keys. Paths are text, modes as in ``0o640``."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def state_locked(path: str, pid: int | None, program: str = "") -> Finding:
    """A running relay uses the state directory; `pid` and the program's name when they are known."""
    return Finding("TH040", {"path": path, "pid": pid, "program": program})


def state_not_writable(
    path: str, user: str, mode: int | None = None, owner: str = "", container_user: str = ""
) -> Finding:
    """`user` cannot write into the state directory, or cannot make it (no `mode` then).

    `container_user`: its number, if it is one in a container.
    """
    values = {"path": path, "user": user, "mode": _octal(mode), "owner": owner, "own": bool(owner) and owner == user}
    return Finding("TH041", values | {"container_user": container_user})


def state_not_a_directory(path: str, *, movable: bool = True) -> Finding:
    """Something else is where the state directory, or one that it is in, should be; not `movable`: a device."""
    return Finding("TH042", {"path": path, "movable": movable})


def state_not_a_mount(path: str) -> Finding:
    """The state directory is lost with the container."""
    return Finding("TH043", {"path": path})


def other_state(path: str, other: str) -> Finding:
    """A new state was begun in `path` while there is one in `other`."""
    return Finding("TH044", {"path": path, "other": other})


def relay_key_malformed(path: str, reason: str = "") -> Finding:
    """The relay's key file is not what it should be. `reason` must not carry the key."""
    return Finding("TH045", {"path": path, "reason": reason})


def file_unreadable(
    path: str, user: str, mode: int | None = None, owner: str = "", container_user: str = ""
) -> Finding:
    """`user` cannot read a key, certificate or mesh key file (`mode` None: not even look at it).

    `container_user`: its number, if it is one in a container.
    """
    values = {"path": path, "user": user, "mode": _octal(mode), "owner": owner, "container_user": container_user}
    return Finding("TH046", values)


def file_missing(option: str, path: str, directory: str) -> Finding:
    """`option` names a file that does not exist; `directory` is where relative paths start."""
    return Finding("TH047", {"option": option, "path": path, "directory": directory})


def mesh_key_malformed(path: str, length: int, line: int = 0, *, zeros: bool = False) -> Finding:
    """A mesh key file holds `length` characters that are not 64 hexadecimal digits, or are all `zeros`.

    `line` is where, in a file that has several.
    """
    return Finding("TH048", {"path": path, "length": length, "line": line or None, "other": not zeros})


def secret_readable_by_others(path: str, mode: int) -> Finding:
    """A file with a secret can be read by other users."""
    return Finding("TH049", {"path": path, "mode": _octal(mode)})


def state_elsewhere(path: str, other: str, port: int) -> Finding:
    """A start in `path` would make a new pin, while the state in `other` has one for the same port."""
    return Finding("TH175", {"path": path, "other": other, "port": port})


def bad_pin_name(text: str) -> Finding:
    """What is to be the name of a pinned certificate cannot be part of a file's name."""
    return Finding("TH176", {"text": text})


def state_in_the_way(path: str, entries: Sequence[str]) -> Finding:
    """State was to be imported into `path`, which has some."""
    return Finding("TH177", {"path": path, "entries": ", ".join(entries)})


def not_a_state_export(path: str, reason: str) -> Finding:
    """A file that was to be imported is no export, or not as it was made."""
    return Finding("TH178", {"path": path, "reason": reason})


def nothing_to_import(path: str) -> Finding:
    """The directory has nothing that a relay could take over."""
    return Finding("TH179", {"path": path})


def several_pairs(path: str, names: Sequence[str]) -> Finding:
    """The directory has more than one pair that could be the one that clients pin."""
    return Finding("TH180", {"path": path, "names": ", ".join(names)})


def pin_exists(path: str) -> Finding:
    """A pinned certificate was to be made where one is."""
    return Finding("TH181", {"path": path})


def pair_taken_over(source: str, path: str) -> Finding:
    """A self-signed pair of another program is the pinned one from now on."""
    return Finding("TH182", {"source": source, "path": path})


def state_not_found(path: str) -> Finding:
    """A command needs a relay's state, and there is none in `path`."""
    return Finding("TH183", {"path": path})


def file_in_the_way(path: str) -> Finding:
    """A new file was to be written where one is."""
    return Finding("TH184", {"path": path})


def export_lacks(paths: Sequence[str]) -> Finding:
    """The relay uses files that its export does not hold, because they are not in its state."""
    return Finding("TH243", {"paths": ", ".join(paths)})


def relay_key_copied(source: str, path: str) -> Finding:
    """The settings have the relay's key in the file `path`, which was not there: the state's own was copied to it."""
    return Finding("TH244", {"source": source, "path": path})


def _octal(mode: int | None) -> str | None:
    return None if mode is None else f"{mode & 0o7777:04o}"


def state_unfinished(path: str) -> Finding:
    """An import into it was cut off, and nobody has carried it to its end yet."""
    return Finding("TH233", {"path": path})
