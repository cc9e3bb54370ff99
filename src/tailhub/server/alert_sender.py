"""Sends one message to one address by apprise: a program of its own, ``python -m tailhub.server.alert_sender``.

apprise takes 40 MB and blocks, so the relay does not import it: it starts this for each sending. From standard input
comes an `Order` as JSON (an address is a secret, which command lines are not), to standard output goes an `Outcome`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from tailhub.alerts.message import Message

__all__ = ["Order", "Outcome", "scheme_is_known", "send", "usable"]

LIMIT_S: Final = 60.0  # for all of it
NICE: Final = 10
MASK: Final = "…"
_REASON: Final = re.compile(r"(?:Socket|I/O) Exception: (.*)", re.DOTALL)
_MOST_WORDS: Final = 300  # characters of a reason
_LEAST_SECRET: Final = 3  # characters; parts of an address that are shorter are no secret, and common in words


@dataclass(frozen=True, slots=True)
class Order:
    """Send this to the apprise URL."""

    url: str = field(repr=False)
    title: str
    body: str
    kind: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """Was it accepted, and if not, why; without anything of the address."""

    accepted: bool
    reason: str = ""


def send(url: str, message: Message) -> Outcome:
    """Have it sent; blocks until that is decided, `LIMIT_S` at most."""
    order = Order(url, message.title, message.body, message.kind)
    command = [sys.executable, "-P", "-m", "tailhub.server.alert_sender"]
    try:
        done = subprocess.run(  # noqa: S603  our own module
            command, input=json.dumps(asdict(order)), capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        value = json.loads(done.stdout.splitlines()[-1])
        return Outcome(bool(value["accepted"]), str(value["reason"]))
    except subprocess.TimeoutExpired:
        return Outcome(False, f"no answer within {LIMIT_S:.0f} s")
    except OSError as exc:
        return Outcome(False, exc.strerror or str(exc))
    except (ValueError, LookupError, TypeError):  # it has ended without a word, or a plugin has printed something
        return Outcome(False, "the program that sends has failed")


# --- in the program ---------------------------------------------------------------------------------------------------


class _Words(logging.Handler):
    """Keeps what apprise says of a failure, which goes nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if record.levelno >= logging.WARNING:
            self.lines.append(line)
        elif (reason := _REASON.match(line)) is not None:  # why it could not be reached is for developers only
            self.lines.append(reason[1])


def _listen() -> _Words:
    words, log = _Words(), logging.getLogger("apprise")
    log.handlers, log.propagate = [words], False
    log.setLevel(logging.DEBUG)
    return words


def usable(url: str) -> bool:
    """Can messages be sent to it, as far as it can be told without sending one?"""
    import apprise

    _listen()
    return apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None


def scheme_is_known(scheme: str) -> bool:
    """Is there a service that is called so?"""
    from apprise.manager_plugins import NotificationManager

    return scheme in NotificationManager()  # type: ignore[no-untyped-call]


def carry_out(order: Order) -> Outcome:
    """Send it, here and now."""
    import apprise

    words = _listen()
    asset = apprise.AppriseAsset(app_id="tailhub", app_desc="tailhub", async_mode=False, secure_logging=True)
    sender = apprise.Apprise(asset=asset)
    if not sender.add(order.url):
        return Outcome(False, "no service can use the address")
    options: dict[str, Any] = {"notify_type": order.kind, "body_format": apprise.NotifyFormat.TEXT}
    if sender.notify(title=order.title, body=order.body, **options):
        return Outcome(True)
    return Outcome(False, without_secrets("; ".join(words.lines), order.url) or "it was not accepted")


def without_secrets(text: str, url: str) -> str:
    """`text` in one line, without any part of the address, written or decoded."""
    parts = set(re.findall(r"[\w.~%-]+", url.partition(":")[2]))
    parts |= {unquote(part) for part in re.split(r"[/?&=:@,]+", url.partition(":")[2])}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _LEAST_SECRET:
            text = text.replace(part, MASK)
    text = " ".join(text.split())
    return text if len(text) <= _MOST_WORDS else text[: _MOST_WORDS - 1] + "…"


def main() -> None:
    """One order."""
    with contextlib.suppress(AttributeError, OSError):  # no such thing on Windows
        os.nice(NICE)  # packets first
    outcome = carry_out(Order(**json.loads(sys.stdin.read())))
    sys.stdout.write("\n" + json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main()
