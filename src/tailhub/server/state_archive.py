"""A relay's state as one file, to move it to another machine or to keep a copy: a tar with a manifest.

The first member, ``tailhub-state.json``, says who made the archive and when, and has the length and SHA-256 of every
other one; these are the files of the state directory under their own names. The archive has the relay's private keys.

Reading trusts nothing: plain files with plain relative names only, exactly those of the manifest, within limits.
Nothing is written here but the archive itself.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import sqlite3
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import tailhub
from tailhub import findings
from tailhub.certs.files import read_file, unreadable
from tailhub.exceptions import LocalError, MachineError
from tailhub.server.listener_record import read_elsewhere, read_listeners
from tailhub.server.state import parse_relay_key
from tailhub.server.state_place import RELAY_KEY
from tailhub.server.state_swap import is_passing, is_unfinished, state_entries
from tailhub.store.location import BACKUPS
from tailhub.store.location import FILE as STORE
from tailhub.store.sqlite_file import is_part, snapshot

__all__ = ["MAX_ARCHIVE_LEN", "Archive", "collect", "is_state", "left_behind", "pack", "unpack", "write_archive"]

MANIFEST = "tailhub-state.json"
FORMAT = 1
MAX_FILES = 10_000
MAX_STATE_LEN = 256 << 20  # bytes of all files together
MAX_ARCHIVE_LEN = MAX_STATE_LEN + (16 << 20)  # bytes, with headers
MAX_NAME_LEN = 255  # characters
_READS = 5  # of everything, until nothing has changed meanwhile
_PASSING = "acme/challenges"  # answers for a certificate that is being asked for just now


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds: the state's files by name, and from where and when they are."""

    files: Mapping[str, bytes]
    host: str
    made_at: datetime
    version: str


def is_state(names: Mapping[str, object]) -> bool:
    """Is among these files one without which clients would lose the relay, or it its name?"""
    return RELAY_KEY in names or any(name.startswith("pinned") and name.endswith(".crt") for name in names)


def collect(directory: Path) -> dict[str, bytes]:
    """The files of a state directory, as they were at one moment, although a relay may be running.

    Each file is replaced as a whole by whoever writes it, so each is sound; files that belong together are, because all
    are read again when one has changed meanwhile. The relay's key is the one that it uses, wherever its settings say
    that it is. Raises `MachineError`.
    """
    files: dict[str, bytes] = {}
    for reads_left in reversed(range(_READS)):
        try:
            if is_unfinished(directory):
                raise MachineError(findings.state_unfinished(str(directory)))
            before = _names(directory)
            files = {name: (directory / name).read_bytes() for name in before}
            if _names(directory) == before:
                break
        except OSError as exc:
            # A file that is gone may be one that has just been replaced; or a link leads nowhere.
            if not isinstance(exc, FileNotFoundError) or not reads_left or not directory.is_dir():
                raise MachineError(_trouble(directory, exc)) from exc
    if (directory / STORE).is_file():
        files[STORE] = _store(directory / STORE)
    key = read_elsewhere(directory).get("key_file")
    if key is not None and not (RELAY_KEY in files and _is_gone(key)):
        files[RELAY_KEY] = _relay_key(key)
    if not is_state(files):
        raise MachineError(findings.state_not_found(str(directory)))
    return files


def _store(path: Path) -> bytes:
    """The store: a running relay writes to it all the time, so the file alone is not what is in it."""
    try:
        data = snapshot(path)
    except sqlite3.Error as exc:
        raise MachineError(findings.file_trouble(str(path), str(exc))) from exc
    if len(data) > MAX_STATE_LEN:
        raise MachineError(findings.file_trouble(str(path), f"it has more than {MAX_STATE_LEN >> 20} MiB"))
    return data


def _is_gone(path: Path) -> bool:
    """Is there surely no such file? One that this user may not see is there."""
    try:
        path.lstat()
    except OSError as exc:
        return isinstance(exc, FileNotFoundError)
    return False


def _relay_key(path: Path) -> bytes:
    data = read_file(path, "key_file")
    try:
        parse_relay_key(data)
    except LocalError as exc:
        raise MachineError(findings.relay_key_malformed(str(path), str(exc))) from exc
    return data


def left_behind(directory: Path) -> list[str]:
    """The files that the relay with this state uses and `collect` leaves where they are: not its own to move."""
    paths = [Path(path) for one in read_listeners(directory) for path in (one.cert, one.key, one.cert_dir) if path]
    paths += [path for name, path in read_elsewhere(directory).items() if name != "key_file"]
    return [*dict.fromkeys(str(path) for path in paths if not path.is_relative_to(directory))]


def pack(files: Mapping[str, bytes], now: datetime) -> bytes:
    """The archive of these files."""
    manifest = {
        "format": FORMAT,
        "tailhub": tailhub.__version__,
        "host": socket.gethostname(),
        "made": now.astimezone(UTC).isoformat(timespec="seconds"),
        "files": {name: {"bytes": len(data), "sha256": _digest(data)} for name, data in files.items()},
    }
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in ((MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n"), *files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), 0o600, int(now.timestamp())
            tar.addfile(member, io.BytesIO(data))
    return output.getvalue()


def write_archive(path: Path, data: bytes) -> None:
    """Write the archive into a new file that nobody else can read. Raises `MachineError`; no part is left then."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        raise MachineError(findings.file_in_the_way(str(path))) from exc
    except OSError as exc:
        raise MachineError(findings.file_trouble(str(path), exc.strerror or str(exc))) from exc
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        path.unlink(missing_ok=True)
        raise MachineError(findings.file_trouble(str(path), exc.strerror or str(exc))) from exc


def unpack(data: bytes, source: str) -> Archive:
    """Read an archive that came from `source`. Raises `MachineError` unless it is whole and as it was made."""
    try:
        members = _members(data)
        manifest = _manifest(members)
        _compare(manifest["files"], members)
        made_at = datetime.fromisoformat(manifest["made"])
        host, version = str(manifest["host"])[:MAX_NAME_LEN], str(manifest["tailhub"])[:MAX_NAME_LEN]
    except LocalError as exc:
        raise MachineError(findings.not_a_state_export(source, str(exc))) from exc
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise MachineError(findings.not_a_state_export(source, "its manifest is not as it should be")) from exc
    return Archive(members, host, made_at, version)


# --- writing ----------------------------------------------------------------------------------------------------------


def _names(directory: Path) -> dict[str, tuple[int, int, int]]:
    """The state's files with inode, length and time, links among them; not its store. Raises `OSError`."""
    found: dict[str, tuple[int, int, int]] = {}
    for entry in state_entries(directory):
        if entry.name == BACKUPS or is_part(entry.name, STORE):
            continue
        inner = sorted(entry.rglob("*")) if entry.is_dir() and not entry.is_symlink() else [entry]
        for path in inner:
            name = path.relative_to(directory).as_posix()
            if path.is_dir() or is_passing(path.name) or name.startswith(f"{_PASSING}/"):
                continue
            if path.is_file() or path.is_symlink():
                status = path.stat()
                found[name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    if len(found) > MAX_FILES or sum(size for _, size, _ in found.values()) > MAX_STATE_LEN:
        reason = f"it has more than {MAX_FILES} files or {MAX_STATE_LEN >> 20} MiB"
        raise MachineError(findings.file_trouble(str(directory), reason))
    return found


def _trouble(directory: Path, error: OSError) -> findings.Finding:
    path = Path(error.filename or directory)
    if isinstance(error, PermissionError):
        return unreadable(path)
    if not isinstance(error, FileNotFoundError):
        return findings.file_trouble(str(path), error.strerror or str(error))
    if not directory.is_dir():
        return findings.state_not_found(str(directory))
    return findings.file_trouble(str(path), "it is gone, or leads nowhere")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# --- reading ----------------------------------------------------------------------------------------------------------


def _members(data: bytes) -> dict[str, bytes]:
    """The files of a tar, by name. Raises `LocalError`."""
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                if len(files) > MAX_FILES or (total := total + member.size) > MAX_STATE_LEN:
                    raise LocalError("it is too large")
                content = tar.extractfile(member) if member.isreg() and not member.issparse() else None
                if content is None or not _is_plain(member.name) or member.name in files:
                    raise LocalError(f"it has an entry that cannot be part of a state, {member.name[:MAX_NAME_LEN]!r}")
                files[member.name] = content.read()
    except (tarfile.TarError, EOFError, OSError, ValueError, LookupError, OverflowError, RecursionError) as exc:
        raise LocalError("it is no tar file, or cut off") from exc
    return files


def _is_plain(name: str) -> bool:
    """Does this name stay inside, everywhere, and clear of what is no state?"""
    parts = name.split("/")
    is_tame = name.isprintable() and "\\" not in name and len(name) <= MAX_NAME_LEN and str(PurePosixPath(name)) == name
    return is_tame and not any(part in ("", ".", "..") for part in parts) and not is_passing(parts[0])


def _manifest(members: dict[str, bytes]) -> dict[str, Any]:
    """Take the manifest out of the members."""
    if next(iter(members), None) != MANIFEST:
        raise LocalError(f"it does not begin with {MANIFEST}")
    try:
        manifest = json.loads(members.pop(MANIFEST))
    except (ValueError, RecursionError) as exc:
        raise LocalError(f"its {MANIFEST} is not JSON") from exc
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise LocalError("its form is not known to this version of tailhub")
    return manifest


def _compare(listed: dict[str, Any], members: Mapping[str, bytes]) -> None:
    """Raise `LocalError` unless the members are what the manifest lists."""
    if missing := sorted(set(listed) - set(members)):
        raise LocalError(f"{missing[0]} is missing")
    for name, data in members.items():
        entry = listed.get(name)
        if entry is None:
            raise LocalError(f"{name} is not in its manifest")
        if entry["bytes"] != len(data) or entry["sha256"] != _digest(data):
            raise LocalError(f"{name} is not what it was when the archive was made")
        if any(str(parent) in members for parent in PurePosixPath(name).parents):
            raise LocalError(f"{name[:MAX_NAME_LEN]!r} is in what is a file")
    if not is_state(members):
        raise LocalError("it has neither a relay's key nor a pinned certificate")
