"""With which keys a probe logs in. I/O.

On a relay's machine those of the key that the relay has made for it (`tailhub.server.probe_key`), which it admits
whatever verifiers say; else those of the tools' own key (`tailhub.tools.own_key`), which a relay can be told to allow.
Both are kept, so a relay that was told once knows the probe for good.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from tailhub import box
from tailhub.certs.files import read_file
from tailhub.exceptions import FindingError, LocalError, MachineError
from tailhub.findings import probing
from tailhub.keys import NodePrivate
from tailhub.server.probe_key import PROBE_KEY, SLOTS, receiver_key, sender_key
from tailhub.server.state import parse_relay_key
from tailhub.tools.own_key import own_key, own_key_path

__all__ = ["ProbeKey", "probe_key", "public_keys"]


class ProbeKey:
    """`base`, of which the ends' keys are derived, and the `path` of its file."""

    def __init__(self, base: NodePrivate, path: Path) -> None:
        self.base, self.path = base, path

    @contextlib.contextmanager
    def slot(self) -> Iterator[int]:
        """A number that no other probe with this file has now; where files cannot be locked, 0.

        Raises `MachineError` when all are taken: two with the same keys would take each other's packets.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except OSError:  # only for reading
            yield 0
            return
        try:
            slot = next((slot for slot in range(SLOTS) if _lock(descriptor, slot)), None)
            if slot is None:
                raise MachineError(probing.too_many_probes(SLOTS, str(self.path)))
            yield slot
        finally:
            os.close(descriptor)  # and the lock with it


def _lock(descriptor: int, slot: int) -> bool:
    """Lock the byte at `slot` of a file."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, lockf

        lockf(descriptor, LOCK_EX | LOCK_NB, 1, slot)
    except ImportError:  # Windows
        return True
    except OSError as exc:  # somebody has it, or its file system knows no locks
        return exc.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def probe_key(key_file: Path | None, state_dir: Path | None) -> ProbeKey:
    """The key in `key_file`, else that of the relay whose state is in `state_dir`, else the tools' own.

    Raises `MachineError`. A relay's that this user may not read, or that is no key, is passed over.
    """
    if key_file is None and state_dir is not None:
        path = state_dir / PROBE_KEY
        with contextlib.suppress(FindingError, LocalError):
            return ProbeKey(parse_relay_key(read_file(path, "--state-dir")), path)
    path = key_file or own_key_path(os.environ)
    return ProbeKey(own_key(path), path)


def public_keys(base: NodePrivate, slot: int = 0) -> list[str]:
    """Those that a relay must allow which admits only keys that it knows."""
    return [str(box.public_key(key)) for key in (sender_key(base, slot), receiver_key(base, slot))]
