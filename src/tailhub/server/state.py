"""The state directory: the relay's key and the certificate that clients pin, kept from one start to the next.

Losing either cuts clients off, so nothing in it is ever overwritten: a file that is damaged or half there is an error
that says what to do. Files are written whole or not at all, readable by their owner only. One relay at a time has the
directory: `StateDir.open` locks it, and every other method relies on that.

The key file is in the form of the original's ``derper -c``, so that people can move both ways. Where the directory is:
`tailhub.server.state_place`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from tailhub import box, findings
from tailhub.admin.token_file import TOKEN_FILE
from tailhub.certs.files import Certificate, current_user, date_findings, mode_and_owner, read_file
from tailhub.exceptions import FindingError, LocalError, MachineError
from tailhub.findings import Finding, mesh_peers, probing
from tailhub.keys import MeshKey, NodePrivate, NodePublic
from tailhub.net.container import container_user
from tailhub.net.port_owner import program_name
from tailhub.server.listener_record import LISTENERS
from tailhub.server.pinned_pair import ensure_pair, load_pinned, pair_paths
from tailhub.server.probe_key import PROBE_KEY
from tailhub.server.state_files import write_files
from tailhub.server.state_place import RELAY_KEY
from tailhub.server.state_swap import LOCK, finish_swap

__all__ = ["StateDir", "directory_finding", "mesh_keys", "parse_relay_key", "relay_name", "secret_findings"]

MOST_MESH_KEYS = 2  # an old one and a new one
_OPTION = "--state-dir"
_PRIVATE_KEY = "PrivateKey"


def relay_name(public: NodePublic, *, quiet: bool = False) -> str:
    """The DNS name that a relay makes up for itself: in its certificate, for maps that give its address beside it.

    Who is `quiet` does not say what runs here.
    """
    return f"relay-{public.raw[:4].hex()}.{'' if quiet else 'tailhub.'}invalid"


def mesh_keys(path: Path, option: str = "--mesh-key-file") -> tuple[tuple[MeshKey, ...], list[Finding]]:
    """Read ``--mesh-key-file``: one key, or two while the second takes the place of the first or the other way round.

    A line each, of 64 hexadecimal digits; white space around them, blank lines and lines that begin with ``#`` are
    nothing. So a file of the original's, one key, is one. Raises `MachineError`, which never carries a key.
    """
    lines = read_file(path, option).decode("utf-8-sig", "replace").splitlines()
    written = {number: text for number, line in enumerate(lines, start=1) if (text := line.strip()) and text[0] != "#"}
    keys: dict[MeshKey, None] = {}
    for number, text in (written or {1: ""}).items():
        line = number if len(written) > 1 else 0
        try:
            key = MeshKey.parse(text)
        except LocalError as exc:
            raise MachineError(findings.mesh_key_malformed(str(path), len(text), line)) from exc
        if not any(key.raw):  # which for the original is none
            raise MachineError(findings.mesh_key_malformed(str(path), len(text), line, zeros=True))
        keys[key] = None
    if len(keys) > MOST_MESH_KEYS:
        raise MachineError(mesh_peers.too_many_mesh_keys(str(path), len(keys)))
    return tuple(keys), secret_findings(path)


class StateDir:
    """A state directory that this process has locked."""

    __slots__ = ("_lock", "path")

    def __init__(self, path: Path, lock: int) -> None:
        """For `open`, which see; `lock` is the descriptor of the locked file."""
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the directory (mode 0700) if it is not there, and lock it until `close` or the end of the process.

        Raises `MachineError` when it cannot be used or a running relay has it.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise MachineError(directory_finding(path, exc)) from exc
        try:
            _take_lock(lock, path)
            _finish_import(path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    def close(self) -> None:
        """Let another relay have the directory."""
        os.close(self._lock)

    def relay_key(self, elsewhere: Path | None = None, option: str = _OPTION) -> tuple[NodePrivate, list[Finding]]:
        """The relay's private key, made at the first start. A file that is no key is a `MachineError`; it stays.

        It is in the state directory, or in the file `elsewhere`, which `option` named. A relay that was moved has the
        key in the state only: it is written to `elsewhere` then, and never another one made.
        """
        path, own = elsewhere or self.path / RELAY_KEY, self.path / RELAY_KEY
        found: list[Finding] = []
        if not os.path.lexists(path) and os.path.lexists(own):
            _write(path.parent, {path.name: read_file(own, _OPTION)})
            found.append(findings.relay_key_copied(str(own), str(path)))
        if not os.path.lexists(path):
            private = box.generate()
            _write(path.parent, {path.name: _key_text(private)})
            return private, []
        data = read_file(path, option)
        try:
            private = parse_relay_key(data)
        except LocalError as exc:
            raise MachineError(findings.relay_key_malformed(str(path), str(exc))) from exc
        return private, found + secret_findings(path)

    def probe_key(self) -> tuple[NodePrivate | None, list[Finding]]:
        """The key of the relay's own probe, made at the first start; None if it cannot be had.

        Nothing that clients need depends on it, so a file that is no key is only a finding.
        """
        path = self.path / PROBE_KEY
        try:
            if not os.path.lexists(path):
                private = box.generate()
                write_files(self.path, {PROBE_KEY: _key_text(private)})
                return private, []
            private = parse_relay_key(read_file(path, _OPTION))
        except (OSError, FindingError, LocalError) as exc:
            finding = getattr(exc, "finding", None)  # has a remedy of its own, for files that somebody has named
            reason = finding.what().removeprefix(f"{path}: ").rstrip(".") if isinstance(finding, Finding) else str(exc)
            return None, [probing.probe_key_unusable(str(path), reason)]
        return private, secret_findings(path)

    def certificate(
        self,
        own_name: str,
        host: str,
        ips: Sequence[str],
        now: datetime,
        others: Sequence[Path] = (),
        pin: str = "",
    ) -> tuple[Certificate, list[Finding]]:
        """The certificate that clients pin: what is there, else a new one for these names and addresses.

        `pin` is the pair's name (`ListenerConfig.pin`). `own_name` is `relay_name`; `host` is ``--hostname`` or empty.
        `others` are directories with other state (`other_states`): each is a finding if a new certificate, hence a new
        pin, is made. One that is there is never changed: a name that it lacks and its dates are findings. Half a pair
        is a `MachineError`.
        """
        cert, key = pair_paths(self.path, pin)
        try:
            made, found = ensure_pair(self.path, pin, [host, own_name] if host else [own_name], ips, now)
        except OSError as exc:
            raise MachineError(directory_finding(self.path, exc)) from exc
        if made:
            found += [findings.other_state(str(self.path), str(other)) for other in others]
        certificate = load_pinned(self.path, pin)
        found += date_findings(certificate, cert, now, key) + secret_findings(key)
        if host and not certificate.covers(host):
            found.append(findings.name_needs_new_pin(str(cert), host, certificate.names))
        return certificate, found

    def operator_token(self) -> list[Finding]:
        """Have a token for the operator's pages, made at the first start: whoever has it may do everything over TCP."""
        path = self.path / TOKEN_FILE
        if not os.path.lexists(path):
            import secrets  # needed once

            _write(self.path, {TOKEN_FILE: secrets.token_urlsafe(32).encode() + b"\n"})
        return secret_findings(path)

    def note_listeners(self, content: bytes) -> None:
        """Keep what `tailhub.server.listener_record` says of this start. A disk that is full does not matter."""
        path = self.path / LISTENERS
        try:
            if not path.is_file() or path.read_bytes() != content:
                write_files(self.path, {LISTENERS: content})
        except OSError:
            pass


def _key_text(private: NodePrivate) -> bytes:
    return json.dumps({_PRIVATE_KEY: private.to_text()}, indent="\t").encode()


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files, in this order, each whole or left as it was, on the disk too; nobody else can read them."""
    try:
        write_files(directory, files)
    except OSError as exc:
        raise MachineError(directory_finding(directory, exc)) from exc


def _take_lock(lock: int, path: Path) -> None:
    """Lock the open file, or raise; then note our process id in it for the one who comes second."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:  # Windows, where a relay is for trying out only
        return
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except BlockingIOError as exc:
        pid = _lock_holder(lock)
        raise MachineError(findings.state_locked(str(path), pid, _program(pid))) from exc
    except OSError as exc:  # a network file system without locks
        raise MachineError(findings.file_trouble(str(path / LOCK), exc.strerror or str(exc))) from exc
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except OSError:  # a full disk must not keep a relay from starting that has all it needs
        pass


def _finish_import(path: Path) -> None:
    """Carry an import to its end that was cut off."""
    try:
        finish_swap(path)
    except OSError as exc:
        raise MachineError(directory_finding(path, exc)) from exc


def _lock_holder(lock: int) -> int | None:
    """The process id in the lock file, if a process with it runs: in another container it has another number."""
    try:
        pid = int(os.pread(lock, 32, 0))
        os.kill(pid, 0)
    except PermissionError:  # it runs, as another user
        return pid
    except (OSError, ValueError, OverflowError):
        return None
    return pid


def _program(pid: int | None) -> str:
    """The name of the program that runs as `pid`, empty if it cannot be told."""
    if pid is None:
        return ""
    import psutil

    try:
        process = psutil.Process(pid)
        return program_name(process.name(), process.cmdline())
    except psutil.Error:
        return ""


def parse_relay_key(data: bytes) -> NodePrivate:
    """Read ``{"PrivateKey": "privkey:<hex>"}``; other members are left alone. `LocalError` never carries the key."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise LocalError("it is not JSON") from None
    text = value.get(_PRIVATE_KEY) if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise LocalError(f"it has no text {_PRIVATE_KEY}")
    try:
        private = NodePrivate.parse(text)
    except LocalError:
        raise LocalError(f"its {_PRIVATE_KEY} is not {NodePrivate.PREFIX} and 64 hexadecimal digits") from None
    if not any(private.raw):
        raise LocalError(f"its {_PRIVATE_KEY} is all zeros")
    return private


def secret_findings(path: Path) -> list[Finding]:
    """Can others read the file with a secret at `path`?"""
    mode, _ = mode_and_owner(path)
    if os.name == "posix" and mode is not None and mode & 0o077:
        return [findings.secret_readable_by_others(str(path), mode)]
    return []


def directory_finding(path: Path, error: OSError) -> Finding:
    """Why the state directory cannot be made or written to."""
    if isinstance(error, PermissionError):
        return findings.state_not_writable(str(path), current_user(), *mode_and_owner(path), container_user())
    there = next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
    if isinstance(error, FileExistsError | NotADirectoryError):
        # A device is no mistake of anybody's: not a word about moving that away.
        return findings.state_not_a_directory(str(there), movable=there.is_file() or there.is_symlink())
    reason = error.strerror or str(error)  # disk full, read-only file system
    return findings.file_trouble(str(there), reason if there == path else f"{reason}: {path}")
