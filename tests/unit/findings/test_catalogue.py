from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import date
from importlib import import_module
from types import ModuleType

import pytest

from tailhub.findings import Finding, Language
from tailhub.findings.catalogue import CATALOGUE
from tailhub.findings.map_faults import MapPlace
from tailhub.findings.texts import (
    CHINESE,
    ENGLISH,
    REMARKS,
    TOPICS,
    askers,
    local,
    map_faults,
    mesh_health,
    reach,
    region,
    relaying,
    tls,
)


class Owner:
    program = "nginx"
    pid = 12


LANGUAGES: tuple[Language, ...] = ("en", "zh")
SAMPLES: dict[str, object] = {
    "str": "sample",
    "int": 8443,
    "int | None": 8443,
    "bool": True,
    "object": "sample",
    "MapPlace": MapPlace("policy.hujson", 14, 9, "912", "912a", "policy.hujson"),
    "Program | None": Owner(),
    "Sequence[str]": ["one", "two"],
    "Mapping[str, str]": {"metadata": "203.0.113.7", "STUN": "198.51.100.9"},
    "Mapping[str, int]": {"our_key": 2},
    "Finding | None": Finding("TH539", {"peer": "b.example.com", "detail": "reset"}),
    "Finding": Finding("TH539", {"peer": "b.example.com", "detail": "reset"}),
    "date": date(2036, 11, 20),
    "Literal['CERTIFICATE', 'PRIVATE KEY']": "CERTIFICATE",
}
MAKERS: dict[str, Callable[..., Finding]] = {
    name: make
    for topic in TOPICS
    for name, make in inspect.getmembers(import_module(topic.__name__.replace(".texts", "")), inspect.isfunction)
    if make.__module__ == topic.__name__.replace(".texts", "")
    and inspect.signature(make).return_annotation == "Finding"
    and not name.startswith("_")
}


def sample(maker: Callable[..., Finding], with_optional: bool) -> Finding:
    given = {}
    for parameter in inspect.signature(maker).parameters.values():
        kind = str(parameter.annotation).replace('"', "'")
        if not with_optional and (parameter.default is not parameter.empty or kind.endswith("| None")):
            given[parameter.name] = None if parameter.default is parameter.empty else parameter.default
        else:
            given[parameter.name] = SAMPLES[kind]
    return maker(**given)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\[\[(\w+)\?", text)) | set(re.findall(r"\{(\w+)", text))


def test_every_code_has_texts_in_both_languages() -> None:
    """The catalogue, the English texts and the Chinese texts have the same codes, each once."""
    assert sorted(code for topic in TOPICS for code in topic.ENGLISH) == list(CATALOGUE)
    assert sorted(code for topic in TOPICS for code in topic.CHINESE) == list(CATALOGUE)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.__name__.rpartition(".")[2])
def test_texts_stand_where_their_findings_are_made(topic: ModuleType) -> None:
    """A topic's two languages have the codes that the module of its name makes, in rising order."""
    made = {
        sample(maker, True).code
        for maker in MAKERS.values()
        if maker.__module__ == topic.__name__.replace(".texts", "")
    }
    assert list(topic.ENGLISH) == list(topic.CHINESE) == sorted(made)


def test_names_are_unique_and_codes_well_formed() -> None:
    """A code is TH and three digits, in rising order, and its name belongs to it alone."""
    assert all(re.fullmatch(r"TH\d{3}", code) for code in CATALOGUE)
    assert list(CATALOGUE) == sorted(CATALOGUE)
    names = [entry.name for entry in CATALOGUE.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


def test_every_code_has_one_maker() -> None:
    """Each code is made by exactly one function, which bears the code's name."""
    made = {sample(maker, True).code: name for name, maker in MAKERS.items()}
    assert made == {code: entry.name.replace("-", "_") for code, entry in CATALOGUE.items()}


def test_texts_use_the_values_that_are_passed() -> None:
    """Both languages use the same values, all that the maker passes and no others."""
    for maker in MAKERS.values():
        finding = sample(maker, True)
        used_en = placeholders("".join(ENGLISH[finding.code]))
        used_zh = placeholders("".join(CHINESE[finding.code]))
        assert used_en == used_zh == set(finding.values), finding.code


@pytest.mark.parametrize("with_optional", [True, False])
def test_rendering_leaves_no_template_behind(with_optional: bool) -> None:
    """With and without the optional values, every text is whole: no template, no None, no double space."""
    for maker in MAKERS.values():
        finding = sample(maker, with_optional)
        for lang in LANGUAGES:
            texts = [finding.what(lang), finding.remedy(lang), finding.means(lang), finding.now(lang)]
            for text in filter(None, "\n".join(texts).split("\n")):
                text = text.replace("[[listen]]", "listen").replace("[[tenant]]", "tenant")
                assert not re.search(r"\[\[|\]\]|\|\||\{[a-z]|None|  |^ | $", text), (finding.code, text)
                assert text.count("`") % 2 == 0, (finding.code, text)
            assert finding.what(lang)[-1] in ".。", finding.code
            assert finding.remedy(lang)[-1] in ".。`", finding.code


def test_both_languages_name_the_same_commands() -> None:
    """What stands in backticks is the same in both languages, apart from the words in angle brackets."""
    for code in CATALOGUE:
        english, chinese = (
            sorted(re.sub(r"<.*?>", "<>", command) for command in re.findall(r"`([^`]*)`", "".join(texts[code])))
            for texts in (ENGLISH, CHINESE)
        )
        assert english == chinese, code


@pytest.mark.parametrize(
    "topic", [askers, local, map_faults, mesh_health, reach, region, relaying, tls], ids=lambda topic: topic.__name__
)
def test_what_a_check_finds_is_explained(topic: ModuleType) -> None:
    """What `tailhub doctor` finds says what it means and what it does to users now."""
    for texts in (topic.ENGLISH, topic.CHINESE):
        assert [code for code, text in texts.items() if len(text) < 4 or not (text.means and text.now)] == []


def test_a_remark_is_a_clause() -> None:
    """A remark has the same values and commands in both languages, and neither capital nor full stop around it."""
    for key, (english, chinese) in REMARKS.items():
        assert placeholders(english) == placeholders(chinese), key
        assert sorted(re.findall(r"`([^`]*)`", english)) == sorted(re.findall(r"`([^`]*)`", chinese)), key
        assert english[-1] not in ".。", key
        assert chinese[-1] not in ".。", key
        assert "\n" not in english + chinese, key


@pytest.mark.parametrize("table", ["REMARKS", "STEPS"])
def test_a_key_says_one_thing(table: str) -> None:
    """No two topics say something else under the same key of a remark or a step."""
    said = {item for topic in TOPICS for item in getattr(topic, table, {}).items()}
    assert len({key for key, _ in said}) == len(said)
