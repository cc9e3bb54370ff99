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
from tailhub.certs.files import (
    Certificate,
    current_user,
    date_findings,
    load_pair,
    mode_and_owner,
    read_file,
)
from tailhub.certs.self_signed import make_self_signed
from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import Finding
from tailhub.keys import MeshKey, NodePrivate, NodePublic
from tailhub.net.port_owner import program_name
from tailhub.server.state_place import PINNED_CERT, PINNED_KEY, RELAY_KEY

__all__ = ["StateDir", "mesh_key", "relay_name"]

_OPTION = "--state-dir"
_LOCK = "lock"
_NEW = ".new"  # what is being written, until it is whole
_PRIVATE_KEY = "PrivateKey"


def relay_name(public: NodePublic) -> str:
    """The DNS name that a relay makes up for itself: in its certificate, for maps that give its address beside it."""
    return f"relay-{public.raw[:4].hex()}.tailhub.invalid"


def mesh_key(path: Path) -> tuple[MeshKey, list[Finding]]:
    """Read ``--mesh-key-file``: 64 hexadecimal digits, white space around them allowed. Raises `MachineError`."""
    text = read_file(path, "--mesh-key-file").decode("utf-8", "replace")
    try:
        key = MeshKey.parse(text)
    except LocalError as exc:
        raise MachineError(findings.mesh_key_malformed(str(path), len(text.strip()))) from exc
    return key, _secret_findings(path)


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
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise MachineError(_directory_finding(path, exc)) from exc
        try:
            _take_lock(lock, path)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    def close(self) -> None:
        """Let another relay have the directory."""
        os.close(self._lock)

    def relay_key(self) -> tuple[NodePrivate, list[Finding]]:
        """The relay's private key, made at the first start. A file that is no key is a `MachineError`; it stays."""
        path = self.path / RELAY_KEY
        if not os.path.lexists(path):
            private = box.generate()
            text = json.dumps({_PRIVATE_KEY: private.to_text()}, indent="\t")
            self._write({RELAY_KEY: text.encode()})
            return private, []
        data = read_file(path, _OPTION)
        try:
            private = _parse_relay_key(data)
        except LocalError as exc:
            raise MachineError(findings.relay_key_malformed(str(path), str(exc))) from exc
        return private, _secret_findings(path)

    def certificate(
        self,
        own_name: str,
        host: str,
        ips: Sequence[str],
        now: datetime,
        others: Sequence[Path] = (),
    ) -> tuple[Certificate, list[Finding]]:
        """The certificate that clients pin: what is there, else a new one for these names and addresses.

        `own_name` is `relay_name`; `host` is ``--hostname`` or empty. `others` are directories with other state
        (`other_states`): each is a finding if a new certificate, hence a new pin, is made. One that is there is never
        changed: a name that it lacks and its dates are findings. Half a pair is a `MachineError`.
        """
        cert, key = self.path / PINNED_CERT, self.path / PINNED_KEY
        found: list[Finding] = []
        self._finish_interrupted(cert, key)
        there = [path for path in (cert, key) if os.path.lexists(path)]
        if not there:
            found += [findings.other_state(str(self.path), str(other)) for other in others]
            cert_pem, key_pem = make_self_signed([host, own_name] if host else [own_name], ips, now)
            # The key first: without its certificate no pin is known to anyone yet.
            self._write({PINNED_KEY: key_pem, PINNED_CERT: cert_pem})
        elif len(there) == 1:
            missing = key if there == [cert] else cert
            raise MachineError(findings.certificate_half(str(there[0]), str(missing)))
        certificate = load_pair(cert, key, _OPTION, _OPTION)
        if certificate.chain_length > 1:
            # Clients with a pin refuse more than the one certificate.
            certificate = certificate.alone()
        found += date_findings(certificate, cert, now, key) + _secret_findings(key)
        if host and not certificate.covers(host):
            found.append(findings.name_needs_new_pin(str(cert), str(key), host, certificate.names))
        return certificate, found

    def _finish_interrupted(self, cert: Path, key: Path) -> None:
        """Complete a pair whose making was cut off when only one of its files had its name."""
        missing = [path for path in (cert, key) if not os.path.lexists(path)]
        if len(missing) != 1:
            return
        new = missing[0].with_name(missing[0].name + _NEW)
        try:
            load_pair(*((new, key) if missing == [cert] else (cert, new)))
        except MachineError:  # nothing there, or the rest of something else: the half pair is then the error
            return
        new.replace(missing[0])
        _sync_directory(self.path)

    def _write(self, files: Mapping[str, bytes]) -> None:
        """Write files, in this order, each whole or left as it was, on the disk too; nobody else can read them."""
        try:
            try:
                for name, data in files.items():
                    _write_whole(self.path / (name + _NEW), data)
                for name in files:
                    (self.path / (name + _NEW)).replace(self.path / name)
                _sync_directory(self.path)
            except OSError:
                for name in files:
                    (self.path / (name + _NEW)).unlink(missing_ok=True)
                raise
        except OSError as exc:
            raise MachineError(_directory_finding(self.path, exc)) from exc


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
        raise MachineError(findings.file_trouble(str(path / _LOCK), exc.strerror or str(exc))) from exc
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except OSError:  # a full disk must not keep a relay from starting that has all it needs
        pass


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


def _parse_relay_key(data: bytes) -> NodePrivate:
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


def _secret_findings(path: Path) -> list[Finding]:
    mode, _ = mode_and_owner(path)
    if os.name == "posix" and mode is not None and mode & 0o077:
        return [findings.secret_readable_by_others(str(path), mode)]
    return []


def _directory_finding(path: Path, error: OSError) -> Finding:
    """Why the state directory cannot be made or written to."""
    if isinstance(error, PermissionError):
        return findings.state_not_writable(str(path), current_user(), *mode_and_owner(path))
    there = next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
    if isinstance(error, FileExistsError | NotADirectoryError):
        # A device is no mistake of anybody's: not a word about moving that away.
        return findings.state_not_a_directory(str(there), movable=there.is_file() or there.is_symlink())
    reason = error.strerror or str(error)  # disk full, read-only file system
    return findings.file_trouble(str(there), reason if there == path else f"{reason}: {path}")


def _write_whole(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)  # left by a process that was killed; ours is made anew, with our mode
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
