"""What our ACME client keeps in the state directory, below ``acme/``, all of it for its owner alone.

::

    NAME.crt, NAME.key      what is served (`tailhub.certs.acme_source`)
    accounts/HASH.json      the account at one server: its key and its URL
    keys/NAME.json          an order that is not at its end, with its key; failures, and when to try again
    challenges/SNI.pem      answers to tls-alpn-01, for as long as the server may look

Not here: when any of this is done (`tailhub.server.acme_keeper`).
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailhub.certs.acme_client import make_key
from tailhub.certs.acme_schedule import Progress
from tailhub.certs.acme_source import AcmeSource, stem_of
from tailhub.certs.tls_alpn import ACME_TLS
from tailhub.net.tls_context import server_context
from tailhub.server.certificate_list import ACME
from tailhub.server.state_files import write_files

__all__ = ["Account", "AcmeFiles", "Pending", "challenge_context"]

_MAX_LEN = 1 << 16  # bytes
_SERVER_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,252}")


@dataclass(frozen=True, slots=True)
class Account:
    """At one server. `uri` is empty until the server has it."""

    key: bytes = field(repr=False)
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """An order on its way, and how it went so far. `key` is that of the certificate to be, empty without an order."""

    directory: str = ""
    key: bytes = field(default=b"", repr=False)
    order_uri: str = ""
    progress: Progress = field(default_factory=Progress)


class AcmeFiles:
    """The directory ``acme`` of one state directory. Methods raise `OSError`."""

    def __init__(self, state: Path) -> None:
        self.directory = state / ACME

    def clear_challenges(self) -> None:
        """Remove answers that nobody asks for any more: those of a relay that was killed."""
        for path in (self.directory / "challenges").glob("*.pem"):
            path.unlink(missing_ok=True)

    # --- the account --------------------------------------------------------------------------------------------------

    def account(self, server: str) -> Account:
        """The account at `server`; a new one's key is written before anybody hears of it."""
        value = _read(self._account_path(server))
        if isinstance(key := value.get("key"), str) and "PRIVATE KEY" in key:
            return Account(key.encode(), str(value.get("uri", "")))
        account = Account(make_key())
        self.keep_account(server, account)
        return account

    def has_account(self, server: str) -> bool:
        """Is there one at `server`, or the key of one to be?"""
        return self._account_path(server).exists()

    def keep_account(self, server: str, account: Account) -> None:
        """Write it."""
        self._write(self._account_path(server), {"directory": server, "uri": account.uri, "key": account.key.decode()})

    def _account_path(self, server: str) -> Path:
        return self.directory / "accounts" / f"{hashlib.sha256(server.encode()).hexdigest()[:16]}.json"

    # --- an order -----------------------------------------------------------------------------------------------------

    def pending(self, identifiers: tuple[str, ...]) -> Pending:
        """What was noted last; nothing is as good as a damaged note."""
        value = _read(self._pending_path(identifiers))
        try:
            retry_at = datetime.fromtimestamp(float(value.get("retry_at_unix_s", 0)), UTC)
            progress = Progress(failures=int(value.get("failures", 0)), retry_at=retry_at)
            key = str(value.get("key", "")).encode()
            return Pending(str(value.get("directory", "")), key, str(value.get("order", "")), progress)
        except (ValueError, TypeError, OverflowError, OSError):
            return Pending()

    def keep_pending(self, identifiers: tuple[str, ...], pending: Pending) -> None:
        """Write it; the window of a certificate is not kept, it can be asked for."""
        self._write(
            self._pending_path(identifiers),
            {
                "directory": pending.directory,
                "key": pending.key.decode(),
                "order": pending.order_uri,
                "failures": pending.progress.failures,
                "retry_at_unix_s": pending.progress.retry_at.timestamp(),
            },
        )

    def _pending_path(self, identifiers: tuple[str, ...]) -> Path:
        return self.directory / "keys" / f"{stem_of(identifiers)}.json"

    def issued(self, source: AcmeSource, chain_pem: bytes, key_pem: bytes) -> None:
        """Have a new certificate served: its files take the place of the old ones."""
        _make(self.directory)
        write_files(self.directory, {source.key.name: key_pem, source.cert.name: chain_pem})

    # --- challenges ---------------------------------------------------------------------------------------------------

    def put_challenge(self, server_name: str, pem: bytes) -> None:
        """Answer ``tls-alpn-01`` for this name, in every process of the relay."""
        _make(self.directory / "challenges")
        write_files(self.directory / "challenges", {f"{server_name}.pem": pem})

    def remove_challenge(self, server_name: str) -> None:
        """Answer no more."""
        (self.directory / "challenges" / f"{server_name}.pem").unlink(missing_ok=True)

    def _write(self, path: Path, value: Mapping[str, object]) -> None:
        _make(path.parent)
        write_files(path.parent, {path.name: json.dumps(value, indent=1).encode() + b"\n"})


def challenge_context(state: Path, server_name: str | None) -> ssl.SSLContext | None:
    """The TLS context that answers ``tls-alpn-01`` for this name; None when nobody is waiting for an answer."""
    if server_name is None or not _SERVER_NAME.fullmatch(server_name):
        return None
    try:
        pem = (state / ACME / "challenges" / f"{server_name}.pem").read_bytes()
        return server_context(pem, b"", alpn=(ACME_TLS.decode(),))
    except OSError:  # SSLError is one too
        return None


def _make(directory: Path) -> None:
    directory.parent.mkdir(mode=0o700, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_MAX_LEN))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
