from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tailhub.alerts.message import Message
from tailhub.server import alert_sender
from tailhub.server.alert_sender import scheme_is_known, send, usable, without_secrets

MESSAGE = Message("title", "body", "info")


@pytest.mark.parametrize(
    ("text", "url", "shown"),
    [
        ("no access to /deep/hook42", "json://host/deep/hook42", "no access to /…/…"),
        ("ada: wrong password p@ss/word", "mailto://ada:p%40ss%2Fword@mail.example.com", "…: wrong password …"),
        ("SCT99 is no key", "schan://SCT99", "… is no key"),
        ("Unauthorized, error=401.", "ntfy://topic", "Unauthorized, error=401."),
        ("two\n lines", "ntfy://topic", "two lines"),
    ],
)
def test_nothing_of_an_address_is_left(text: str, url: str, shown: str) -> None:
    """Every part of the address is taken out of what a library says of a failure, as written and decoded."""
    assert without_secrets(text, url) == shown


def test_words_are_bounded() -> None:
    """A service that answers with a whole page is cut short."""
    assert len(without_secrets("x" * 100_000, "ntfy://topic")) == 300


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # apprise's
def test_what_apprise_can_use() -> None:
    """An address that no service can use is told from one that no service is called by."""
    assert usable("ntfy://topic")
    assert not usable("carrierpigeon://coop")
    assert not usable("mailto://")
    assert scheme_is_known("mailto")
    assert not scheme_is_known("carrierpigeon")


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (subprocess.TimeoutExpired("x", 60), "no answer within 60 s"),
        (OSError(11, "Resource temporarily unavailable"), "Resource temporarily unavailable"),
        (subprocess.CompletedProcess("x", 1, "", "Traceback"), "the program that sends has failed"),
        (subprocess.CompletedProcess("x", 0, "nonsense\n", ""), "the program that sends has failed"),
    ],
)
def test_a_program_that_fails_is_a_failure_to_send(
    outcome: object, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the program that sends ends, that is an outcome with a reason."""

    def run(*words: Any, **options: Any) -> object:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(alert_sender.subprocess, "run", run)
    found = send("json://host/secret", MESSAGE)
    assert (found.accepted, found.reason) == (False, reason)


def test_the_address_is_on_no_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is secret goes to the program by its standard input."""
    calls: list[tuple[Any, Any]] = []

    def run(command: Any, **options: Any) -> object:
        calls.append((command, options))
        return subprocess.CompletedProcess(command, 0, 'warning\n{"accepted": true, "reason": ""}\n', "")

    monkeypatch.setattr(alert_sender.subprocess, "run", run)
    assert send("json://host/secret", MESSAGE).accepted
    ((command, options),) = calls
    assert "secret" not in str(command)
    assert "secret" in options["input"]
