"""Has the relay's map pushed to where clients get it from, by a program of its own: an order and an outcome.

What is done is in `tailhub.tools.map_push`, which needs what a relay does not: policies, their syntax, their changes.
So a relay starts it for each push, as it does for messages (`tailhub.server.alert_sender`): from standard input comes
an `Order` as JSON, to standard output goes an `Outcome`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from tailhub.certs.files import read_file
from tailhub.exceptions import MachineError
from tailhub.findings import CATALOGUE, Finding
from tailhub.findings import map_push as findings

__all__ = ["NICE", "TAILSCALE", "Destination", "Order", "Outcome", "Result", "push"]

TAILSCALE: Final = "tailscale"
"""Names the policy of a tailnet, at Tailscale."""
LIMIT_S: Final = 120.0  # for all of it
NICE: Final = 10


@dataclass(frozen=True, slots=True)
class Destination:
    """`TAILSCALE`, with a tailnet of the API at `api_url` and a file with the credential; or a file's path."""

    to: str
    secret_file: str = ""
    tailnet: str = "-"
    api_url: str = "https://api.tailscale.com"

    def secret(self) -> str:
        """The credential; read each time. Raises `MachineError`."""
        text = read_file(Path(self.secret_file), "push_map_secret_file").decode("utf-8", "replace").strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise MachineError(findings.push_credential_refused(self.secret_file, "no credential is in it"))
        return text


@dataclass(frozen=True, slots=True)
class Order:
    """Push this map (JSON), of one relay, there; `state_dir` keeps what was pushed last."""

    derp_map: str
    destination: Destination
    state_dir: str

    def to_json(self) -> bytes:
        """For the program."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: str) -> Order:
        """In the program."""
        return msgspec.json.decode(text, type=cls)


class Result(StrEnum):
    """What came of it."""

    PUSHED = "pushed"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`fields` are those that were changed at `place`; `code` and `values` are the finding of a failure."""

    result: Result
    place: str = ""
    fields: tuple[str, ...] = ()
    code: str = ""
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def finding(self) -> Finding | None:
        """Why it failed."""
        return Finding(self.code, self.values) if self.code in CATALOGUE else None

    def to_json(self) -> str:
        """For the relay."""
        return msgspec.json.encode(self).decode()


def push(order: Order) -> Outcome:
    """Have it pushed; blocks until that is decided, `LIMIT_S` at most."""
    command = [sys.executable, "-P", "-m", "tailhub.tools.map_push"]
    try:
        done = subprocess.run(  # noqa: S603  our own module
            command, input=order.to_json(), capture_output=True, timeout=LIMIT_S, check=False
        )
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Outcome)
    except subprocess.TimeoutExpired:
        reason = f"no answer within {LIMIT_S:.0f} s"
    except OSError as exc:
        reason = exc.strerror or str(exc)
    except (msgspec.MsgspecError, LookupError):  # it has ended without a word
        reason = "the program that pushes has failed"
    failed = findings.map_push_failed(order.destination.to, reason)
    return Outcome(Result.FAILED, code=failed.code, values=failed.values)
