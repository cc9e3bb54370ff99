"""A message as it is sent: a title, a body, and of what kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tailhub import findings
from tailhub.alerts.condition import Condition
from tailhub.alerts.events import Event
from tailhub.alerts.ledger import Summary, Told
from tailhub.alerts.texts import TEXTS
from tailhub.findings import Language, mesh_health, mesh_links
from tailhub.findings.finding import fill

__all__ = ["Kind", "Message", "example", "render", "test_message"]

Kind: TypeAlias = Literal["info", "success", "warning", "failure"]
"""As apprise calls them."""

_FAILURES: Final = frozenset({"certificate-expired", "credential-refused", "unreachable", "store-away"})
_MOST_LINES: Final = 20  # of a summary


@dataclass(frozen=True, slots=True)
class Message:
    """What every target gets."""

    title: str
    body: str
    kind: Kind


def render(told: Told | Summary, relay: str, lang: Language) -> Message:
    """The message of the relay called `relay`, in this language."""
    if isinstance(told, Summary):
        return _summary(told, relay, lang)
    condition = told.condition
    title, what, remedy = (fill(part, condition.values, lang) for part in TEXTS[lang][condition.text])
    if condition.finding is not None:
        what, remedy = condition.finding.what(lang), condition.finding.remedy(lang)
    kind: Kind = "warning"
    if told.is_end:
        kind = "success"
    elif condition.event == "update":
        kind = "info"
    elif condition.text in _FAILURES:
        kind = "failure"
    return Message(f"{relay}: {title}", "\n".join(part for part in (what, remedy) if part), kind)


def _summary(summary: Summary, relay: str, lang: Language) -> Message:
    texts = TEXTS[lang]
    shown = summary.held[:_MOST_LINES]
    count = len(summary.held) + summary.more
    lines = [fill(texts["summary"][1], {}, lang)]
    lines += ["- " + fill(texts[text][0], values, lang) for text, values in shown if text in texts]
    if count > len(shown):
        lines.append(fill(texts["summary-more"][1], {"count": count - len(shown)}, lang))
    return Message(f"{relay}: {fill(texts['summary'][0], {'count': count}, lang)}", "\n".join(lines), "warning")


def test_message(relay: str, lang: Language) -> Message:
    """For trying targets out."""
    title, what, _ = TEXTS[lang]["test"]
    return Message(f"{relay}: {fill(title, {}, lang)}", fill(what, {}, lang), "info")


def example(event: Event, relay: str, lang: Language) -> Message:
    """What a message about this event looks like, with made-up values."""
    return render(Told(_EXAMPLES[event]()), relay, lang)


_EXAMPLES: Mapping[Event, Callable[[], Condition]] = {
    "certificate": lambda: Condition(
        "certificate",
        "",
        "certificate-expires",
        {
            "name": "derp.example.com",
            "date": "2030-01-03",
            "days": 3,
            "several": 1,
            "pinned": 0,
            "acme": 0,
        },
    ),
    "credential": lambda: Condition(
        "credential",
        "",
        "credential-expires",
        {"name": "https://api.tailscale.com", "days": 3, "several": 1},
        findings.credential_expires("https://api.tailscale.com", "2030-01-03 12:00 UTC", 3, "tailscale_token_file"),
    ),
    "quota": lambda: Condition(
        "quota",
        "",
        "quota",
        {
            "name": "laptop (ada@example.com)",
            "percent": 80,
            "used": "81.3",
            "quota": "100",
            "ends": "2030-02-01",
            "cost": "6.50 EUR",
            "over": 0,
            "slow": "",
        },
    ),
    "verifier": lambda: Condition(
        "verifier",
        "",
        "verifier-away",
        {
            "name": "https://headscale.example.com/verify",
            "minutes": 5,
            "detail": "Connection refused",
            "open": 0,
            "remembers": 1,
        },
    ),
    "unreachable": lambda: Condition(
        "unreachable",
        "",
        "unreachable",
        {"hours": "2", "rate": "35", "here": "yes", "not_here": "", "public": "", "not_public": "no"},
    ),
    "update": lambda: Condition("update", "", "update", {"name": "2.0.0", "running": "1.0.0"}),
    "workers": lambda: Condition("workers", "", "workers", {"count": 3, "minutes": 10}),
    "store": lambda: Condition(
        "store", "", "store-away", finding=findings.store_unreachable("postgresql://db.example.com/tailhub", "timeout")
    ),
    "mesh": lambda: Condition(
        "mesh",
        "",
        "mesh-down",
        {"name": "b.example.com"},
        mesh_health.mesh_link_down(
            "b.example.com",
            "b.example.com",
            "2030-01-03 12:00:00 UTC",
            mesh_links.mesh_peer_unreachable("b.example.com", "Network is unreachable"),
            1,
            1,
        ),
    ),
}
