from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from tailhub.relay.admission import Answer, Verdict
from tailhub.relay.connection import Connection, Identity
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant
from tailhub.server.events import FIRST_LINES, MAX_REASONS, Events
from tailhub.server.gatekeeper import Decision
from tailhub.server.log_line import row_of


class StillLoop:
    """A loop whose timers a test fires."""

    def __init__(self) -> None:
        self.timers: list[StillTimer] = []

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> StillTimer:
        timer = StillTimer(lambda: callback(*args))
        self.timers.append(timer)
        return timer

    def fire(self) -> None:
        timers, self.timers = self.timers, []
        for timer in timers:
            timer.fire()


class StillTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        if self._callback is not None:
            self._callback()


@pytest.fixture
def loop() -> StillLoop:
    return StillLoop()


@pytest.fixture
def events(loop: Any, caplog: pytest.LogCaptureFixture) -> Events:
    caplog.set_level(logging.INFO, "tailhub")
    return Events(loop)


def identity(address: str = "192.0.2.7", *, mesh: bool = False) -> Identity:
    return Identity(bytes(32), 1, ip_address(address), 41641, is_mesh=mesh, connected_at=100.0)


NOBODYS = Tenant("", 0, Stats())


class _Sink:
    def wake(self) -> None: ...

    def close(self, reason: str) -> None: ...


def connection() -> Connection:
    return Connection(identity(), SendQueue(QueueLimits(), QueuedBytes(), Stats()), _Sink(), Tenant("", 0, Stats()))


def test_the_first_failures_are_written_and_the_rest_folded(
    events: Events, loop: StillLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """A crowd of scanners gives a few lines at once, and after a minute one line with their number."""
    for number in range(1000):
        events.failed(f"198.51.100.{number % 250}", "neither TLS nor HTTP")
    assert len(caplog.messages) == FIRST_LINES
    assert caplog.messages[0] == "not logged in: neither TLS nor HTTP (198.51.100.0)"
    caplog.clear()
    loop.fire()
    assert caplog.messages == [f"not logged in: neither TLS nor HTTP ({1000 - FIRST_LINES} more in the last minute)"]
    row = row_of(caplog.records[0])
    assert (row.event, row.fields) == ("folded", {"of": "not_logged_in", "count": 1000 - FIRST_LINES})
    caplog.clear()
    events.failed("198.51.100.1", "neither TLS nor HTTP")
    assert len(caplog.messages) == 1


def test_nothing_is_written_after_a_quiet_minute(
    events: Events, loop: StillLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """When all lines of a minute were written as they came, nothing is left to say."""
    events.failed("198.51.100.1", "neither TLS nor HTTP")
    caplog.clear()
    loop.fire()
    assert caplog.messages == []
    assert loop.timers == []


def test_stopping_writes_what_is_folded(events: Events, loop: StillLoop, caplog: pytest.LogCaptureFixture) -> None:
    """The lines that wait for the minute's end come when the relay stops, and only then."""
    for _ in range(FIRST_LINES + 2):
        events.failed("198.51.100.1", "malformed HTTP")
    caplog.clear()
    events.stop()
    assert caplog.messages == ["not logged in: malformed HTTP (2 more in the last minute)"]
    loop.fire()
    assert len(caplog.messages) == 1


def test_a_connection_that_said_nothing_is_counted_without_a_line(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients that dial two addresses and take the other leave no line, but they are counted."""
    events.failed("198.51.100.1", "closed by the other side", silent=True)
    assert caplog.messages == []
    assert events.failures == {"closed by the other side": 1}


@pytest.mark.parametrize(
    ("reason", "counted"),
    [
        ("login (bad_box): the box does not open with this key", "login (bad_box)"),
        ("read: Connection reset by peer", "read"),
        ("tls: unknown ca", "tls: unknown ca"),
        ("write timeout", "write timeout"),
    ],
)
def test_reasons_are_counted_by_their_first_words(events: Events, reason: str, counted: str) -> None:
    """Details that a peer chooses do not make counters of their own."""
    events.failed("198.51.100.1", reason)
    events.logged_out(connection(), reason, 101.0)
    assert events.failures == events.disconnects == {counted: 1}


def test_reasons_are_bounded(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    """However many reasons there are, the counters and the folded lines stay few; those known already go on."""
    for number in range(1000):
        events.failed("198.51.100.1", f"reason {number}")
    events.failed("198.51.100.1", "reason 0")
    assert len(events.failures) <= MAX_REASONS + 1
    assert events.failures["reason 0"] == 2
    assert events.failures["other"] == 1000 - MAX_REASONS
    caplog.clear()
    events.stop()
    assert len(caplog.messages) <= MAX_REASONS + 1


@pytest.mark.parametrize("alert", ["bad certificate", "certificate unknown", "unknown ca"])
def test_a_refused_certificate_is_reported_once(events: Events, alert: str) -> None:
    """Alerts about the certificate are counted, and the first is reported with address and alert."""
    reported: list[tuple[str, str]] = []
    events.on_pin_rejected = lambda ip, words: reported.append((ip, words))
    for _ in range(3):
        events.failed("198.51.100.1", f"tls: sslv3 alert {alert}")
    events.failed("198.51.100.1", "tls: no shared cipher")
    assert events.certificate_rejections == 3
    assert reported == [("198.51.100.1", alert)]


def test_the_first_connection_from_outside_is_reported_once(events: Events) -> None:
    """Connections from this machine do not count as from outside; the first other one is reported, no more."""
    reported: list[str] = []
    events.on_first_outside = reported.append
    for address in ("127.0.0.1", "::1", "198.51.100.1", "2001:db8::1"):
        events.accepted(ip_address(address))
    events.accepted(None)
    assert reported == ["198.51.100.1"]


def test_what_comes_from_the_internet_is_counted_where_that_is_asked_for(events: Events) -> None:
    """Connections and clients with public addresses are counted; private ones and this machine's are not."""
    client = Connection(identity("8.8.8.8"), SendQueue(QueueLimits(), QueuedBytes(), Stats()), _Sink(), NOBODYS)
    for counts in (False, True):
        events.counts_outside = counts
        for address in ("127.0.0.1", "192.168.1.7", "100.64.0.9", "8.8.8.8", "2606:4700::1111", "fd00::1"):
            events.accepted(ip_address(address))
        events.accepted(None)
        events.logged_in(identity())
        events.logged_in(client.identity)
        assert (events.outside_accepted, events.outside_open) == ((2, 2) if counts else (0, 1))
    events.logged_out(connection(), "closed", 200.0)
    for _ in range(2):
        events.logged_out(client, "closed", 200.0)
    assert events.outside_open == 0


def test_login_and_logout_lines(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    """A login says who from where, a logout also for how long, how much, and why."""
    events.logged_in(identity())
    events.logged_in(identity("2001:db8::7", mesh=True))
    client = connection()
    client.received_bytes = 1234
    for now in (101.5, 161.0, 100.0 + 2 * 3600 + 180):
        events.logged_out(client, "closed by the other side", now)
    assert caplog.messages == [
        "login   client [AAAAA] from 192.0.2.7:41641",
        "login   mesh peer [AAAAA] from [2001:db8::7]:41641",
        "logout  [AAAAA] from 192.0.2.7:41641 after 1.5s: received 1234 B, sent 0 B; closed by the other side",
        "logout  [AAAAA] from 192.0.2.7:41641 after 1m01s: received 1234 B, sent 0 B; closed by the other side",
        "logout  [AAAAA] from 192.0.2.7:41641 after 2h03m: received 1234 B, sent 0 B; closed by the other side",
    ]


def test_names_stand_beside_keys(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    """Device and owner are named wherever a verifier has told them, behind the short key."""
    named = replace(identity(), node="laptop", owner="ada@example.com")
    events.logged_in(named, held_s=190.0)
    events.logged_in(replace(identity(), node="laptop"))
    events.logged_in(replace(identity(), owner="ada@example.com"))
    client = Connection(named, SendQueue(QueueLimits(), QueuedBytes(), Stats()), _Sink(), Tenant("", 0, Stats()))
    events.logged_out(client, "admitted no longer", 101.5)
    assert caplog.messages == [
        "login   client [AAAAA] laptop (ada@example.com) from 192.0.2.7:41641, held for 3m10s before",
        "login   client [AAAAA] laptop from 192.0.2.7:41641",
        "login   client [AAAAA] ada@example.com from 192.0.2.7:41641",
        "logout  [AAAAA] laptop (ada@example.com) from 192.0.2.7:41641 after 1.5s: received 0 B, sent 0 B; "
        "admitted no longer",
    ]


def test_addresses_can_be_hidden(loop: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Without addresses in the log no line has one, and neither has what is reported for the screen."""
    caplog.set_level(logging.INFO, "tailhub")
    events = Events(loop, shows_addresses=False)
    reported: list[str] = []
    events.on_first_outside = reported.append
    events.on_pin_rejected = lambda ip, words: reported.append(ip)
    address = ip_address("198.51.100.1")
    events.accepted(address)
    events.failed(str(address), "tls: unknown ca")
    events.refused(bytes(32), address, 41641, Decision(False, ()), is_held=True)
    events.logged_in(identity("198.51.100.1"))
    events.logged_out(connection(), "closed by the other side", 101.0)
    assert reported == ["hidden", "hidden"]
    assert len(caplog.messages) == 4
    assert all("hidden" in message for message in caplog.messages)
    fields = [row_of(record).fields for record in caplog.records]
    assert all(one["address"] == "hidden" and "port" not in one for one in fields)
    assert not any("198.51" in message or "192.0.2" in message for message in caplog.messages)


def test_a_refused_one_is_named_with_what_becomes_of_it(events: Events, caplog: pytest.LogCaptureFixture) -> None:
    """The line about a refusal says whether the connection is held."""
    decision = Decision(False, (Verdict("url", Answer.REFUSED),))
    for is_held in (True, False):
        events.refused(bytes(32), ip_address("192.0.2.7"), 41641, decision, is_held=is_held)
    assert caplog.messages == [
        "refused [AAAAA] from 192.0.2.7:41641, held; url: refused",
        "refused [AAAAA] from 192.0.2.7:41641; url: refused",
    ]
    held, _ = (row_of(record).fields for record in caplog.records)
    assert (held["why"], held["verifier"], held["detail"], held["held"]) == (
        "not admitted",
        "url",
        "url: refused",
        True,
    )


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "client"),
        ({"is_mesh": True}, "mesh"),
        ({"is_guest": True}, "guest"),
        ({"is_prober": True}, "prober"),
        ({"is_mesh": True, "is_prober": True}, "mesh"),
    ],
)
def test_the_kind_of_a_client_is_a_field(
    events: Events, caplog: pytest.LogCaptureFixture, changes: dict[str, bool], kind: str
) -> None:
    """Programs are told in one word what has logged in."""
    events.logged_in(replace(identity(), **changes))  # type: ignore[arg-type]
    assert row_of(caplog.records[0]).fields["kind"] == kind
