"""The dashboard's files: complete, of this place only, in both languages, and to be read by everyone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

import tailhub.admin
from tailhub.admin.api_types import State
from tailhub.admin.files import load_files
from tailhub.relay.stats import DROP_REASONS
from tailhub.server.listener_record import Origin
from tailhub.server.stun import StunServer

STATIC = Path(tailhub.admin.__file__).parent / "static"
OWN = [path for path in sorted(STATIC.rglob("*")) if path.is_file() and path.parent.name != "uplot"]
SCRIPTS = {path: path.read_text("utf-8") for path in OWN if path.suffix == ".js" and path.parent.name != "texts"}
COLOUR = re.compile(r"--([\w-]+): light-dark\(#(\w{6}), #(\w{6})\)")
READ = {  # what is written with, on what
    "ink": ("ground", "card", "raised", "warn-ground", "bad-ground"),
    "quiet": ("ground", "card", "raised"),
    "accent": ("card", "ground"),
    "on-accent": ("accent",),
    "good": ("card", "good-ground"),
    "warn": ("card", "warn-ground"),
    "bad": ("card", "bad-ground", "ground"),
}


def texts(language: str) -> dict[str, str]:
    source = (STATIC / "texts" / f"{language}.js").read_text("utf-8")
    found: dict[str, str] = json.loads(source.removeprefix("export default ").rstrip().removesuffix(";"))
    return found


def test_both_languages_say_the_same() -> None:
    """English and Chinese have the same keys in the same order, none twice, and the same values to fill in."""
    english, chinese = texts("en"), texts("zh")
    assert list(english) == list(chinese)
    for key, text in english.items():
        needed = set(re.findall(r"\{\w+\}", text)) - {"{n}", "{count}"}
        assert needed <= set(re.findall(r"\{\w+\}", chinese[key])), key
    for language in ("en", "zh"):
        source = (STATIC / "texts" / f"{language}.js").read_text("utf-8")
        assert len(re.findall(r'^  "', source, re.MULTILINE)) == len(texts(language))


def test_every_text_that_is_asked_for_is_there() -> None:
    """What scripts ask for by name exists, and every text is asked for."""
    english, source = texts("en"), "\n".join(SCRIPTS.values())
    asked = set(re.findall(r'\bt\("([\w.]+)"', source))
    assert asked - set(english) == set()
    made = {match.rstrip("._") for match in re.findall(r"[`]([a-z]+[._][\w.]*)\$\{", source)}
    made |= set(re.findall(r'\bword\("(\w+)"', source))
    unused = {
        key
        for key in english
        if key.removesuffix("_one") not in asked and not key.startswith(tuple(made)) and key not in source
    }
    assert unused == set()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_of_the_relay(language: str) -> None:
    """Drop reasons, fates of STUN datagrams, origins of certificates and states of the relay are said in words."""
    found = texts(language)
    words = {
        "drop": DROP_REASONS,
        "stun": StunServer([]).dispositions(),
        "source": get_args(Origin),
        "state": get_args(State),
    }
    missing = [f"{group}.{word}" for group, known in words.items() for word in known if f"{group}.{word}" not in found]
    assert missing == []


def test_nothing_is_shown_as_markup() -> None:
    """No script makes elements or programs of text, and no file asks another host or has styles in its markup."""
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.srcdoc")
    for path, source in SCRIPTS.items():
        assert forbidden.search(source) is None, path
    for path in OWN:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert re.search(r"(?:https?:)?//[a-z][\w-]*\.\w", text) is None, path
    page = (STATIC / "index.html").read_text("utf-8")
    assert re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)", page) is None


def test_every_file_is_served() -> None:
    """What the page, the style sheets and the scripts name is served, and nothing else is."""
    served = set(load_files())
    assert served == {
        path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.name != "LICENSE" and path.is_file()
    }
    page = (STATIC / "index.html").read_text("utf-8")
    named = set(re.findall(r'(?:src|href)="static/([^"]+)"', page))
    for path, source in SCRIPTS.items():
        for name in re.findall(r'from "(\.[^"]+)"', source):
            named.add((path.parent / name).resolve().relative_to(STATIC.resolve()).as_posix())
    named |= {f"icons/{level}.svg" for level in ("good", "warn", "bad")} | {"index.html"}
    assert named == served


def test_uplot_has_its_licence() -> None:
    """The library for charts comes with its version and its licence."""
    assert "MIT License" in (STATIC / "uplot" / "LICENSE").read_text("utf-8")
    assert "1.6.32" in (STATIC / "uplot" / "uPlot.iife.min.js").read_text("utf-8")[:300]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast(scheme: int) -> None:
    """All that is written can be read: a contrast of 4.5 to 1 at least (WCAG 2.2, 1.4.3), in both colour schemes."""
    style = (STATIC / "look.css").read_text("utf-8")
    colours = {match[1]: match[2 + scheme] for match in COLOUR.finditer(style)}
    for ink, grounds in READ.items():
        for ground in grounds:
            darker, lighter = sorted((luminance(colours[ink]), luminance(colours[ground])))
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (ink, ground)


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    parts = [int(colour[first : first + 2], 16) / 255 for first in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
