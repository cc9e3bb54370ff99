from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from support.top_sample import NOW, sample
from tailhub import findings
from tailhub.cli.operator_client import Operator
from tailhub.cli.top_feed import REFUSED_S, SELDOM_S, Asker, Feed
from tailhub.cli.top_view import Wish
from tailhub.exceptions import MachineError


class ScriptedOperator(Operator):
    """A relay whose numbers grow with each overview that is asked for; `asked` has the targets."""

    def __init__(self) -> None:
        super().__init__("http://x", lambda: None)  # type: ignore[arg-type, return-value]
        self.asked: list[str] = []
        self.overviews = 0
        self.known_events = 100
        self.refused: list[dict[str, Any]] = []
        self.trouble: MachineError | None = None
        self._seen = sample()

    def get(self, target: str) -> bytes:
        self.asked.append(target)
        if self.trouble is not None:
            raise self.trouble
        parts = urlsplit(target)
        answers: dict[str, Callable[[dict[str, list[str]]], Any]] = {
            "overview": self._overview,
            "history": self._history,
            "events": self._events,
            "clients": lambda query: self._seen.clients,
            "pairs": lambda query: self._seen.pairs,
            "certificates": lambda query: self._seen.certificates,
            "verifiers": lambda query: self._seen.verifiers,
            "quotas": lambda query: self._seen.quotas,
            "mesh": lambda query: self._seen.mesh,
            "pending": lambda query: {"pending": self.refused, "has_list": True},
        }
        return msgspec.json.encode(answers[parts.path](parse_qs(parts.query)))

    @property
    def now(self) -> float:
        return NOW + 2 * self.overviews

    def _overview(self, query: dict[str, list[str]]) -> Any:
        self.overviews += 1
        made = msgspec.json.decode(msgspec.json.encode(self._seen.overview))
        made["relay"]["now"] = self.now
        made["drops"]["queue_age"] += 10 * self.overviews
        made["pending"] = len(self.refused)
        made["stun"]["success"] += 6 * self.overviews
        return made

    def _history(self, query: dict[str, list[str]]) -> Any:
        kept = (NOW - 2000, NOW - 10, *(NOW + 2 * n for n in range(self.overviews + 1)))
        times = [at for at in kept if at > float(query["since"][0])]
        names = ("received_per_s", "sent_per_s")
        columns = {f"{what}_{name}": [1.0] * len(times) for name in names for what in ("bytes", "packets")}
        more = {name: [0.0] * len(times) for name in ("packets_dropped_per_s", "stun_requests_per_s")}
        return {"interval_s": 2, "t": times, "clients": [1] * len(times), **columns, **more}

    def _events(self, query: dict[str, list[str]]) -> Any:
        after = int(query["after"][0])
        events = self._seen.events[: self.known_events]
        return {"events": [event for event in events if event.seq >= after], "next": len(events)}


def test_what_is_asked() -> None:
    """Each time the overview, new samples and events, and the wished table; what changes seldom only now and then."""
    operator = ScriptedOperator()
    clock = [0.0]
    asker = Asker(operator, lambda: clock[0])
    clock[0] = 100.0
    asker.ask(Wish(), 20)
    assert [target.partition("?")[0] for target in operator.asked] == [
        *("overview", "history", "events", "clients", "certificates", "verifiers", "quotas", "mesh")
    ]
    assert "history?since=0.0" in operator.asked
    assert "clients?offset=0&limit=20&sort=rate&order=desc" in operator.asked
    operator.asked.clear()
    asker.ask(Wish(table="pairs", sort="bytes", is_descending=False, offset=7, search="a b"), 5)
    assert operator.asked[1:] == [
        f"history?since={NOW + 2}",
        "events?after=7&limit=200",
        "pairs?offset=7&limit=5&sort=bytes&order=asc&search=a+b",
    ]
    clock[0] += SELDOM_S
    operator.asked.clear()
    asker.ask(Wish(table="events"), 5)
    assert operator.asked[3:] == ["certificates", "verifiers", "quotas", "mesh"]


def test_what_is_known_then() -> None:
    """Samples and events are added up without doubles, those that are too old go, and drops become rates."""
    operator = ScriptedOperator()
    asker = Asker(operator)
    first = asker.ask(Wish(), 5)
    assert dict(first.drops_per_s) == {}
    seen = asker.ask(Wish(), 5)
    assert [one.at for one in seen.samples] == [NOW - 10, NOW, NOW + 2, NOW + 4]
    assert [event.seq for event in seen.events] == list(range(7))
    assert seen.drops_per_s["queue_age"] == 5.0
    assert seen.stun_per_s == {"success": 3.0, "not_stun": 0.0}
    assert seen.at == NOW + 4
    assert seen.clients is not None


def test_who_was_refused() -> None:
    """Their list, which costs the relay more, is asked for when their number changes, and else only now and then."""
    operator = ScriptedOperator()
    clock = [100.0]
    asker = Asker(operator, lambda: clock[0])
    assert asker.ask(Wish(), 5).refused == ()
    assert "pending" not in operator.asked
    operator.refused = [{"id": 3, "short": "[abc]", "address": "198.51.100.9", "node": "", "is_held": True, "count": 2}]
    assert [one.id for one in asker.ask(Wish(), 5).refused] == [3]
    assert [one.id for one in asker.ask(Wish(), 5).refused] == [3]
    assert operator.asked.count("pending") == 1
    clock[0] += REFUSED_S
    asker.ask(Wish(), 5)
    assert operator.asked.count("pending") == 2
    operator.refused = []
    assert asker.ask(Wish(), 5).refused == ()
    assert operator.asked.count("pending") == 2


def test_pages_that_were_started_anew() -> None:
    """Their log begins anew, and is read from its beginning."""
    operator = ScriptedOperator()
    asker = Asker(operator)
    asker.ask(Wish(), 5)
    operator.known_events = 2
    asker.ask(Wish(), 5)
    assert [event.seq for event in asker.ask(Wish(), 5).events] == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_the_thread() -> None:
    """It asks at once when it is hurried, goes on when the relay does not answer, and says so."""
    operator = ScriptedOperator()
    news = threading.Semaphore(0)
    feed = Feed(Asker(operator), lambda error: json.dumps(str(error)), news.release)
    feed.start()
    assert news.acquire(timeout=20)
    assert feed.seen is not None
    assert feed.seen.trouble == ""
    operator.trouble = MachineError(findings.operator_unreachable("http://x", "gone"))
    feed.hurry()
    assert news.acquire(timeout=20)
    assert "gone" in feed.seen.trouble
    assert feed.failure is operator.trouble
    operator.trouble = None
    feed.hurry()
    assert news.acquire(timeout=20)
    assert feed.seen.trouble == ""
    assert feed.failure is None
    feed.stop()


def test_a_relay_that_is_not_there() -> None:
    """Before the first answer there is nothing to show, and the failure is kept for whoever asks."""
    operator = ScriptedOperator()
    operator.trouble = MachineError(findings.operator_unreachable("http://x", "gone"))
    news = threading.Semaphore(0)
    feed = Feed(Asker(operator), str, news.release)
    feed.start()
    assert news.acquire(timeout=20)
    assert feed.seen is None
    assert feed.failure is operator.trouble
    feed.stop()


def test_a_fault_of_ours() -> None:
    """An error that is none of the relay's ends the thread, and is there for whoever shows what is known."""
    operator = ScriptedOperator()
    operator.trouble = ValueError("ours")  # type: ignore[assignment]
    news = threading.Semaphore(0)
    feed = Feed(Asker(operator), str, news.release)
    feed.start()
    assert news.acquire(timeout=20)
    assert feed.fault is operator.trouble
    assert feed.failure is None
    feed.stop()
