from __future__ import annotations

import re
from dataclasses import replace
from string import Formatter

import msgspec
import pytest
from rich.cells import cell_len

from support.top_sample import PICTURES, client, picture, sample, shown, with_mesh
from tailhub.admin.api_types import Clients, Notice, Others, Pairs
from tailhub.cli.top_frame import where
from tailhub.cli.top_texts import TEXTS, WORDS
from tailhub.cli.top_view import Refused, Wish
from tailhub.findings import Language
from tailhub.relay.stats import DROP_REASONS, DUP_CLIENT

SIZES = [(80, 24), (120, 40), (100, 30), (60, 16), (40, 10), (200, 60), (110, 22)]
HOSTILE = "[red]x[/red]\x1b[2J\r\n\u202e家"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("columns", "lines"), [(80, 24), (120, 40), (100, 30), (60, 16), (40, 10), (200, 60), (110, 22)]
)
@pytest.mark.parametrize("table", ["clients", "pairs", "events", "mesh"])
def test_a_frame_fills_its_terminal(columns: int, lines: int, table: str, lang: Language) -> None:
    """Whatever the size, there are as many lines as the terminal has, and none is wider."""
    text = shown(with_mesh(sample()), Wish(table=table), lang, columns, lines)  # type: ignore[arg-type]
    rows = text.rstrip("\n").split("\n")
    assert len(rows) == lines
    assert {cell_len(row) for row in rows} <= {columns}
    place = where(columns, lines)
    assert 2 + place.traffic + place.table + place.below + 1 == lines


def test_what_a_small_terminal_shows() -> None:
    """At 80 by 24 there are the verdict, rates, clients with their numbers, drops, STUN, certificates, quotas, keys."""
    text = shown(sample())
    for words in (
        *("ready  all is well", "▲ 93.2 Mbit/s", "▼ 93.8 Mbit/s", "10 240/s", "214  homes 171"),
        *("amelie-laptop   48.0 Mbit/s  10.1 Mbit/s   7.80 GB", "家里的电脑      12.3 Mbit/s"),
        *("receiver is not here", "STUN answered", "49 days", "friends", "82%", "0.82 EUR", "tailscaled", "q quit"),
        "1–7 / 214",
    ):
        assert words in text, words


def test_the_same_in_chinese() -> None:
    """In Chinese the same is said, and columns stay below each other."""
    text = shown(sample(), lang="zh", columns=120, lines=40)
    for words in ("就绪", "一切正常", "发往客户端", "来自客户端", "接收方不在此处", "49 天", "q 退出", "家里的电脑"):
        assert words in text, words
    rows = [line for line in text.split("\n") if "Mbit/s" in line and "203.0.113" in line]
    assert len({cell_len(row[: row.index("203.0.113")]) for row in rows}) == 1


def test_a_wide_terminal_shows_more() -> None:
    """With room there are address, kind, tenant and owner of each client, and the log."""
    text = shown(sample(), columns=130, lines=40)
    for words in ("203.0.113.7", "amelie@example.com", "friends", "guest", "visitor", "login   client [k0004]"):
        assert words in text, words
    assert "203.0.113.7" not in shown(sample(), columns=80)


@pytest.mark.parametrize("columns", [44, 60, 70, 79])
def test_a_narrow_terminal_has_names(columns: int) -> None:
    """Where there is no room for all columns the last ones go, never the devices' names."""
    text = shown(sample(), columns=columns)
    assert "amelie-" in text
    assert "48.0 Mbit/s" in text


def test_pairs() -> None:
    """A pair is a sender, a receiver, and what goes from one to the other."""
    text = shown(sample(), Wish(table="pairs"))
    assert "Pairs 88" in text
    assert "amelie-laptop" in text
    assert "→" in text
    assert "48.0 Mbit/s   2.20 GB" in text


def test_the_log() -> None:
    """The newest line of the log is at the bottom; one can go back."""
    text = shown(sample(), Wish(table="events"), columns=120)
    assert text.index("login   client [k0004]") < text.index("quota   [k0000]")
    assert "quota   [k0000]" not in shown(sample(), Wish(table="events", offset=1), columns=100)


def test_the_mesh() -> None:
    """Another relay has a row with its state, and why it is not linked; the first line counts those that are."""
    text = shown(with_mesh(sample()), Wish(table="mesh"), columns=140)
    for words in (
        "mesh 3/5",
        "● linked",
        "● one way only",
        "● not linked  Nothing listens at",
        "derper 1.102.5",
        "m mesh",
    ):
        assert words in text, words
    narrow = shown(with_mesh(sample()), Wish(table="mesh"))
    assert "● not linked" in narrow
    assert "15.2 Mbit/s" in narrow
    assert "mesh" not in shown(sample())
    assert "this relay stands alone" in shown(sample(), Wish(table="mesh"))


def test_the_sorted_column_has_an_arrow() -> None:
    """The arrow points down while the largest come first, and the key's word is marked."""
    assert "sends ▼" in shown(sample())
    assert "sends ▲" in shown(sample(), Wish(is_descending=False))
    assert "total ▼" in shown(sample(), Wish(sort="bytes"))


def test_searching() -> None:
    """While one types the text stands in the last line; what is found is counted; what is not, said."""
    assert "search: na▏" in shown(sample(), Wish(search="na", is_typing=True))
    found = Clients(total=214, matching=1, clients=[client(1)])
    assert "Clients 214  “nas” 1 " in shown(replace(sample(), clients=found), Wish(search="nas"))
    none = Clients(total=214, matching=0, clients=[])
    assert "nothing matches" in shown(replace(sample(), clients=none), Wish(search="zzz"))


def test_an_empty_relay() -> None:
    """Where nobody is, that is said, and nothing is divided by zero."""
    seen = replace(
        sample(),
        samples=(),
        clients=Clients(total=0, matching=0, clients=[]),
        pairs=Pairs(total=0, matching=0, pairs=[], others=Others(pairs=0, packets=0, bytes=0)),
        events=(),
        drops_per_s={},
        stun_per_s={},
    )
    seen.overview.drops.clear()
    assert "nobody is here" in shown(seen)
    assert "nothing is dropped" in shown(seen)
    assert "nobody has sent anything" in shown(seen, Wish(table="pairs"))
    assert " Log " in shown(seen, Wish(table="events"))


def test_nothing_steers_the_terminal() -> None:
    """Names, notices and lines of the log are shown as they are: no markup, no control sequence, no turned text."""
    row = msgspec.structs.replace(client(0), name=HOSTILE, owner=HOSTILE, tenant=HOSTILE, address=HOSTILE)
    seen = replace(sample(), clients=Clients(total=1, matching=1, clients=[row]), trouble=HOSTILE)
    seen = replace(seen, events=[msgspec.structs.replace(seen.events[0], text=HOSTILE)])
    overview = msgspec.structs.replace(seen.overview, notices=[Notice(text=HOSTILE)], faults=[HOSTILE])
    overview.relay.hostname = HOSTILE
    text = shown(replace(seen, overview=overview), columns=200, lines=40)
    assert "[red]x[/red]\\x1b[2J\\r\\n\\u202e家" in text
    assert not {"\x1b", "\r", "\u202e"} & set(text)


def test_devices_that_were_refused() -> None:
    """They stand first where certificates are, with the number that lets them in, and are counted above."""
    seen = replace(sample(), refused=[Refused(3, "[abc]", "198.51.100.9"), Refused(4, "[def]", "198.51.100.9", "ipad")])
    seen.overview.pending = 2
    text = shown(seen)
    assert "2 devices were refused: tailhub allow pending" in text
    assert "refused 3  [abc]" in text
    assert "refused 4  ipad" in text


def test_a_relay_that_does_not_answer() -> None:
    """The old numbers stay, and the second line says that they are old, and why."""
    text = shown(replace(sample(), trouble="http://x does not answer: Connection refused."))
    assert "● no answer  ▲ numbers are old: http://x does not answer" in text
    assert "amelie-laptop" in text


def test_both_languages_have_the_same_texts() -> None:
    """Every text is there in both languages, with the same values, and each reason of drops that occurs has words."""
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    assert WORDS["en"].keys() == set(DROP_REASONS) - {DUP_CLIENT}
    for name, text in TEXTS["en"].items():
        assert _values(text) == _values(TEXTS["zh"][name]), name


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _words(svg: str) -> list[str]:
    """The texts of a picture, but for times of the day, which are of the machine's zone."""
    return [text for text in re.findall(r">([^<]+)</text>", svg) if not re.search(r"\d\d:\d\d:\d\d", text)]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_pictures_in_the_documentation_are_of_today(lang: Language) -> None:
    """The pictures are what ``python -m tests.support.top_sample`` makes, and load nothing from elsewhere."""
    made = PICTURES[lang].read_text(encoding="utf-8")
    assert _words(made) == _words(picture(sample(), Wish(), lang, 120, 36))
    assert "url(http" not in made
    assert "@import" not in made
