from __future__ import annotations

import re

import pytest

from tailhub import findings
from tailhub.alerts.condition import Condition
from tailhub.alerts.events import EVENTS, Event
from tailhub.alerts.ledger import Summary, Told
from tailhub.alerts.message import Message, example, render, test_message
from tailhub.alerts.texts import TEXTS
from tailhub.findings import Language

test_message.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for one of its own

LANGUAGES: tuple[Language, ...] = ("en", "zh")
_LEFT = re.compile(r"\[\[|\]\]|\|\||[{}]|None|  | $")


def placeholders(texts: tuple[str, str, str]) -> set[str]:
    return {name for pair in re.findall(r"\[\[(\w+)\?|\{(\w+)\}", "".join(texts)) for name in pair if name}


def check(message: Message) -> None:
    assert not _LEFT.search(message.title), message
    assert not _LEFT.search(message.body), message
    assert message.body.count("`") % 2 == 0


def test_both_languages_say_the_same() -> None:
    """Each message is there in both languages, with the same values and the same commands."""
    assert list(TEXTS["en"]) == list(TEXTS["zh"])
    for name, english in TEXTS["en"].items():
        chinese = TEXTS["zh"][name]
        assert placeholders(english) - {"several"} == placeholders(chinese), name  # Chinese has no plural
        commands = [sorted(re.findall(r"`[^`]+`", "".join(texts))) for texts in (english, chinese)]
        assert commands[0] == commands[1], name


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("event", EVENTS)
def test_examples(event: Event, lang: Language) -> None:
    """Every event has an example that is whole, short enough for a phone, and begins with the relay's name."""
    message = example(event, "derp.example.com", lang)
    check(message)
    assert message.title.startswith("derp.example.com: ")
    assert len(message.title) <= 90
    assert 20 <= len(message.body) <= 700


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("event", [event for event in EVENTS if event != "update"])
def test_ends(event: Event, lang: Language) -> None:
    """The end of every event has words of its own, and is no warning."""
    message = render(Told(Condition(event, "", f"{event}-over", {"name": "ada's laptop"}), is_end=True), "relay", lang)
    check(message)
    assert message.kind == "success"
    assert message.body


@pytest.mark.parametrize("lang", LANGUAGES)
def test_optional_parts(lang: Language) -> None:
    """What is not known is left out without a trace."""
    unreachable = {"hours": "2", "rate": "", "here": "", "not_here": "no", "public": "", "not_public": ""}
    over = {"name": "family", "percent": 100, "used": "1", "quota": "1", "ends": "2030-01-01", "cost": "", "over": 1}
    for condition in (
        Condition("unreachable", "", "unreachable", unreachable),
        Condition("quota", "", "quota", over | {"slow": ""}),
        Condition("quota", "", "quota", over | {"slow": "1 Mbit/s"}),
        Condition("verifier", "", "verifier-away", {"name": "v", "minutes": 5, "detail": "x", "open": 1}),
    ):
        check(render(Told(condition), "relay", lang))


def test_a_quota_of_all() -> None:
    """The quota of a relay's only tenant is called what it is: that of all devices."""
    values = {"name": "", "percent": 80, "used": "81", "quota": "100", "ends": "2030-02-01", "cost": "", "over": 0}
    message = render(Told(Condition("quota", "", "quota", values | {"slow": ""})), "relay", "en")
    assert message.title == "relay: 80 % of the quota of all devices is used"
    assert message.body == "All devices together: 81 of 100 GB in the month that ends on 2030-02-01."


def test_the_silence_is_told_as_it_was_seen() -> None:
    """The message about silence says what was seen, and what answered, and no more."""
    message = example("unreachable", "relay", "en")
    assert message.kind == "failure"
    assert message.body.startswith(
        "No connection and no STUN request from the Internet for 2 h; before that some 35 connections an hour. "
        "The relay's own port answers on this machine; not by its public address, as behind many routers"
    )


def test_a_finding_has_the_words() -> None:
    """Where there is a finding, the message says what it says."""
    finding = findings.credential_refused("https://api.example.com", "HTTP 401", "tailscale_token_file")
    condition = Condition("credential", "", "credential-refused", {"name": "x"}, finding)
    for lang in LANGUAGES:
        message = render(Told(condition), "relay", lang)
        assert message.body == f"{finding.what(lang)}\n{finding.remedy(lang)}"
        assert message.kind == "failure"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_summary(lang: Language) -> None:
    """A summary has the titles of some that were held back, and counts the others."""
    held = tuple(("quota-over", {"name": f"key {number}"}) for number in range(30))
    message = render(Summary(held, 5), "relay", lang)
    check(message)
    assert "35" in message.title
    assert message.body.count("\n- ") == 20
    assert "15" in message.body.splitlines()[-1]


def test_nothing_steers_a_terminal() -> None:
    """Names come from elsewhere: what cannot be printed is written out."""
    message = render(Told(Condition("verifier", "", "verifier-over", {"name": "a\x1b[31m"}), is_end=True), "r", "en")
    assert "\x1b" not in message.body
