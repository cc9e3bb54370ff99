from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from support.top_sample import NOW, sample, with_mesh
from tailhub.admin.api import ClientsQuery, PairsQuery
from tailhub.admin.api_types import Certificate, Certificates, Quota, Quotas, Verifier, Verifiers
from tailhub.cli.top_view import CLIENT_SORTS, PAIR_SORTS, Seen, Wish, pressed, resample, verdict, within

DAY = 86400.0


def after(keys: list[str], wish: Wish | None = None, rows: int = 10) -> Wish:
    wish = wish or Wish()
    for key in keys:
        wish = pressed(wish, key, rows)
    return wish


@pytest.mark.parametrize(
    ("keys", "wish"),
    [
        ([], Wish()),
        (["b"], Wish(sort="bytes")),
        (["r"], Wish(is_descending=False)),
        (["n"], Wish(sort="name", is_descending=False)),
        (["n", "n"], Wish(sort="name")),
        (["down", "down", "page down"], Wish(offset=12)),
        (["page down", "page down", "up", "page up"], Wish(offset=9)),
        (["up", "page up"], Wish()),
        (["down", "home"], Wish()),
        (["down", "b"], Wish(sort="bytes")),
        (["p"], Wish(table="pairs")),
        (["p", "p"], Wish()),
        (["p", "n"], Wish(table="pairs")),
        (["p", "s"], Wish(table="pairs", sort="last")),
        (["p", "c"], Wish()),
        (["e", "down"], Wish(table="events", offset=1)),
        (["e", "/"], Wish(table="events")),
        (["m", "/", "down"], Wish(table="mesh", offset=1)),
        (["m", "m"], Wish()),
        (["/", "n", "a", "s", "enter"], Wish(search="nas")),
        (["/", "q", "backspace", "é", "家"], Wish(search="é家", is_typing=True)),
        (["/", "x", "escape"], Wish()),
        (["/", "x", "enter", "escape"], Wish()),
        (["/", "x", "enter", "p"], Wish(table="pairs", search="x")),
        (["/", "x", "enter", "e"], Wish(table="events")),
        (["/", "up", "x"], Wish(search="x", is_typing=True)),
        (["q"], Wish(is_over=True)),
        (["interrupt"], Wish(is_over=True)),
        (["x", "\x00", ""], Wish()),
    ],
)
def test_keys(keys: list[str], wish: Wish) -> None:
    """Keys choose a table, sort it, turn it round, move in it, search in it, and end."""
    assert after(keys) == wish


@pytest.mark.parametrize(
    ("wish", "rows", "offset"),
    [
        (Wish(offset=100), 10, 100),
        (Wish(offset=1000), 10, 204),
        (Wish(offset=1000), 300, 0),
        (Wish(table="pairs", offset=1000), 8, 80),
        (Wish(table="events", offset=1000), 5, 2),
    ],
)
def test_no_table_is_left_behind(wish: Wish, rows: int, offset: int) -> None:
    """One cannot scroll beyond the last row, which is then the last line."""
    assert within(wish, sample(), rows) == replace(wish, offset=offset)


def test_a_search_has_its_limit() -> None:
    """No more can be typed than the API takes."""
    assert len(after(["/", *"x" * 500]).search) == 100


def test_sorts_are_the_apis() -> None:
    """Each key sorts by a word that the API knows."""
    for sort, is_descending in (*CLIENT_SORTS.values(), ("rate", True)):
        msgspec.convert({"sort": sort, "order": "desc" if is_descending else "asc"}, ClientsQuery)
    for sort, _ in PAIR_SORTS.values():
        msgspec.convert({"sort": sort}, PairsQuery)


def test_samples_of_a_chart() -> None:
    """Each part of the window has the mean of its samples; one without has the last, unless that is long over."""
    times = [1000, 1001, 1002, 1004, 1030]
    values = [5.0, 1.0, 3.0, 8.0, 9.0]
    assert resample(times, values, 1009, 8, 4) == [2.0, 8.0, 8.0, 8.0]
    assert resample(times, values, 1032, 32, 16) == [3.0, 3.0, 8.0, *[8.0] * 6, *[None] * 6, 9.0]
    assert resample([], [], 1000, 10, 2) == [None, None]


def _changed(**values: Any) -> Seen:
    """The sample, with another overview."""
    seen = sample()
    return replace(seen, overview=msgspec.structs.replace(seen.overview, **values))


def certificate(days: float, of_days: float) -> Certificates:
    after = NOW + days * DAY
    return Certificates(certificates=[Certificate(listener=":8443", not_before=after - of_days * DAY, not_after=after)])


def said(seen: Seen) -> list[tuple[str, str]]:
    return [(complaint.severity, complaint.text) for complaint in verdict(seen)]


def test_all_is_well() -> None:
    """A relay that does well has no complaint."""
    assert said(sample()) == []


@pytest.mark.parametrize(
    ("days", "of_days", "severity"),
    [
        (49, 90, []),
        (14.1, 90, []),
        (13.9, 90, ["warning"]),
        (2.9, 90, ["bad"]),
        (-1, 90, ["bad"]),
        (4, 6.7, []),
        (1.6, 6.7, ["warning"]),
        (0.6, 6.7, ["bad"]),
    ],
)
def test_certificates(days: float, of_days: float, severity: list[str]) -> None:
    """A certificate is complained of 14 and 3 days before its end, a short one in its last quarter and tenth."""
    found = verdict(replace(sample(), certificates=certificate(days, of_days)))
    assert [complaint.severity for complaint in found] == severity


def test_complaints() -> None:
    """What is wrong with the relay, its verifiers, its packets, descriptors and quotas is said, the worst first."""
    seen = _changed(faults=["worker 1 is missing"], pending=2)
    seen.overview.process.open_fds = 60_000
    seen = replace(
        seen,
        verifiers=Verifiers(verifiers=[Verifier(name="x", state="unreachable"), Verifier(name="y", state="error")]),
        quotas=Quotas(quotas=[Quota(level="over", tenant="friends"), Quota(level="warned")]),
        drops_per_s={"queue_age": 300.0, "unknown_dest": 5000.0},
    )
    texts = ["fault", "verifier_unreachable", "verifier_error", "fds", "many_drops", "over_quota", "pending"]
    assert [text for _, text in said(seen)] == texts
    assert said(seen)[0][0] == "bad"


def test_complaints_about_the_mesh() -> None:
    """What is half up is said once of each relay, notes are not."""
    found = [(one.severity, one.text, one.values["name"]) for one in verdict(with_mesh(sample()))]
    assert found == [
        ("warning", "mesh_not_dialled_back", "gru.derp.example.com"),
        ("warning", "mesh_link_down", "lab.example.net"),
        ("warning", "mesh_node_unseen", "sin.derp.example.com/10.8.0.3"),
    ]
    assert verdict(with_mesh(sample(), is_whole=True)) == []


def test_drops_that_are_normal() -> None:
    """Packets for devices that are not here are no complaint, nor are few others."""
    assert said(replace(sample(), drops_per_s={"unknown_dest": 9000.0, "queue_age": 100.0})) == []


def test_nothing_is_known() -> None:
    """While the relay does not answer, only that is said: all else is old."""
    seen = replace(_changed(faults=["x"]), trouble="away")
    assert said(seen) == [("bad", "trouble")]
