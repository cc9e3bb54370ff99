"""``tailhub dashboard``: the links that it prints, for this machine and through ssh."""

from __future__ import annotations

import pytest

from tailhub.cli.dashboard import Dashboard, screen
from tailhub.cli.dashboard_texts import TEXTS
from tailhub.findings import Language

HERE = Dashboard("127.0.0.1", 9912, "to-ken", "derp.example.com")


@pytest.fixture(params=["en", "zh"])
def lang(request: pytest.FixtureRequest) -> Language:
    chosen: Language = request.param
    return chosen


def pasted(found: Dashboard, lang: Language) -> list[str]:
    return [line.text.strip() for line in screen(found, lang, 100) if line.style == "paste"]


def test_links(lang: Language) -> None:
    """The token stands in the fragment; from elsewhere it is ssh first, then a link to the near end of its tunnel."""
    here, tunnel, elsewhere = pasted(HERE, lang)
    assert here == elsewhere == "http://127.0.0.1:9912/#token=to-ken"
    assert tunnel == f"ssh -L 9912:127.0.0.1:9912 {TEXTS[lang]['user']}@derp.example.com"


def test_other_addresses(lang: Language) -> None:
    """An IPv6 address is bracketed, and who knows no name of the machine gets a word for it."""
    here, tunnel, elsewhere = pasted(Dashboard("::1", 9913, "t&k", ""), lang)
    assert here == "http://[::1]:9913/#token=t%26k"
    assert tunnel == f"ssh -L 9913:[::1]:9913 {TEXTS[lang]['user']}@{TEXTS[lang]['machine']}"
    assert elsewhere == "http://127.0.0.1:9913/#token=t%26k"


@pytest.mark.parametrize("is_reachable", [False, True])
def test_a_listener_that_others_reach(is_reachable: bool, lang: Language) -> None:
    """Where others can come to the pages, it says that nobody has encrypted the way."""
    found = Dashboard("192.0.2.7", 9912, "to-ken", "", is_reachable)
    text = "".join(line.text for line in screen(found, lang, 1000))
    assert (TEXTS[lang]["reachable"] in text) is is_reachable


def test_the_listener_is_off(lang: Language) -> None:
    """Without a listener it says what to set, and shows no link."""
    assert pasted(Dashboard("", 0, "", "derp.example.com"), lang) == ['admin_listen = "127.0.0.1:9912"']
    assert list(TEXTS["en"]) == list(TEXTS["zh"])
