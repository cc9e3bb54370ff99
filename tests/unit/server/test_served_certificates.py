"""Which certificate a client gets, and when new files count."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from typing import ClassVar

import pytest

from support.certificates import make_certificate
from tailhub.certs.files import Certificate, describe
from tailhub.certs.sources import Loaded, Traces
from tailhub.server.served_certificates import RETRY_LOOKS, CertificateWatch, ServedCertificates, traces_of

NOW = datetime.now(UTC)


def certificate(*names: str) -> Certificate:
    made = make_certificate(dns_names=names)
    return describe([made.certificate], made.key_pem)


ONE = certificate("derp.example.com", "b.example.com")
WILD, OTHER = certificate("*.example.com"), certificate("other.org")


class Contexts:
    """Makes contexts, and knows of each whose it is."""

    def __init__(self) -> None:
        self.made: dict[int, Certificate] = {}
        self.kept: list[ssl.SSLContext] = []

    def make(self, certificate: Certificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.made[id(context)] = certificate
        self.kept.append(context)
        return context


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("derp.example.com", ONE),
        ("b.example.com", ONE),
        ("c.example.com", WILD),
        ("x.c.example.com", OTHER),
        ("example.com", OTHER),
        ("other.org", OTHER),
        ("unknown.net", OTHER),
        ("192.0.2.1", OTHER),
        (None, OTHER),
    ],
)
def test_the_name_decides(name: str | None, expected: Certificate) -> None:
    """An exact name comes before a wildcard for one label, and everybody else gets the first certificate."""
    contexts = Contexts()
    served = ServedCertificates([Loaded((OTHER, WILD, ONE))], contexts.make)
    assert contexts.made[id(served.context_for(0, name))] is expected
    assert len(contexts.kept) == 3


def test_each_listener_has_its_own() -> None:
    """Listeners do not share certificates, and one without TLS has none."""
    contexts = Contexts()
    served = ServedCertificates([Loaded((ONE,)), None, Loaded((OTHER,))], contexts.make)
    assert served.defaults == [ONE, None, OTHER]
    assert contexts.made[id(served.context_for(2, "derp.example.com"))] is OTHER


def test_replacing_and_renewing() -> None:
    """A replaced certificate stays replaced when all contexts are made anew."""
    contexts = Contexts()
    served = ServedCertificates([Loaded((ONE,)), Loaded((ONE,))], contexts.make)
    served.replace(1, Loaded((OTHER,)))
    before = served.context_for(1, None)
    served.renew(contexts.make)
    assert served.context_for(1, None) is not before
    assert [contexts.made[id(served.context_for(number, None))] for number in (0, 1)] == [ONE, OTHER]


@dataclass
class Source:
    """Files that a test changes."""

    changes: ClassVar[bool] = True

    looks: Iterator[int]
    place: str = "somewhere"
    loaded: list[datetime] = field(default_factory=list)

    def load(self, now: datetime) -> Loaded:
        self.loaded.append(now)
        return Loaded((ONE,))

    def traces(self) -> Traces:
        return (("file", next(self.looks), 0, 0),)


@pytest.mark.parametrize(
    ("looks", "due_at"),
    [
        ("111111", []),
        ("112222", [3]),
        ("112345", []),
        ("112341", []),
        ("112211", [3, 5]),
        ("122122", [2]),
    ],
)
def test_a_change_counts_when_two_looks_agree(looks: str, due_at: list[int]) -> None:
    """Files that are still being written are left alone; each state of them is looked at once."""
    source = Source(iter(map(int, looks)))
    watch = CertificateWatch([None, source], [(), (("file", 1, 0, 0),)])
    due = [number for number in range(1, len(looks)) if watch.changed() == [(1, source)]]
    assert due == due_at


def test_what_changed_before_the_first_look_counts_at_once() -> None:
    """A process that was handed an older load finds that out with its first look."""
    source = Source(iter([1, 2, 2, 2]))
    watch = CertificateWatch([source], traces_of([source]))
    assert watch.changed() == [(0, source)]
    assert watch.changed() == []


def test_what_was_unfit_is_tried_again() -> None:
    """Files that could not be read are tried again although they look the same, until what they hold is served."""
    source = Source(repeat(1))
    watch = CertificateWatch([source], traces_of([source]))
    watch.unfit(0)
    due = [bool(watch.changed()) for _ in range(RETRY_LOOKS)]
    assert due == [False] * (RETRY_LOOKS - 1) + [True]
    assert not any(watch.changed() for _ in range(RETRY_LOOKS))
    watch.unfit(0)
    watch.fit(0)
    assert not any(watch.changed() for _ in range(RETRY_LOOKS))
