"""The commented configuration file that ``tailhub config init`` writes: every setting, each switched off by a ``#``."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from tailhub.findings import Language, Place
from tailhub.settings import chinese
from tailhub.settings.setting import Section, Setting
from tailhub.settings.table import SETTINGS, TENANT_BY_NAME, TENANT_SETTINGS

__all__ = ["example", "meaning", "section_title"]

_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "head": "Configuration of tailhub, a relay for Tailscale networks. `tailhub config check` reads it and tells "
        "what is wrong.\nEvery line that begins with # is switched off and shows the default, or an example.\nA flag "
        "(--public-port) and a variable (TAILHUB_PUBLIC_PORT) win over the line here (public_port).",
        "listen": "Several listeners, each with its port and certificate: instead of listen and the settings below it "
        "(down to pin)\nwrite one of these for each, at the end of the file. Clients are told of the first.",
        "tenant": "Several tailnets, or circles of friends, that use the relay and do not reach each other:\none of "
        "these for each, at the end of the file. It may have its own:",
        "example": "for example",
    },
    "zh": {
        "head": "tailhub（Tailscale 网络的中继）的配置。`tailhub config check` 会检查它并指出问题。\n"
        "以 # 开头的行不起作用，写的是默认值或示例。\n"
        "命令行选项（--public-port）和环境变量（TAILHUB_PUBLIC_PORT）优先于这里的行（public_port）。",
        "listen": "多个监听，各有自己的端口和证书：不写上面的 listen 及其后各项（到 pin 为止），\n"
        "而是在文件末尾为每个监听写一段。map 里公布的是第一个。",
        "tenant": "多个 tailnet（或几群朋友）共用一台中继而互不相通：在文件末尾为每个租户写一段。\n其中可以有自己的：",
        "example": "例如",
    },
}


def example(lang: Language = "en") -> str:
    """The whole file."""
    return "\n".join(_lines(lang)) + "\n"


def meaning(setting: Setting, lang: Language) -> str:
    """What a setting is for."""
    return chinese.MEANINGS[setting.name] if lang == "zh" else setting.help


def section_title(section: Section, lang: Language) -> str:
    """The heading above a section's settings."""
    return chinese.SECTIONS[section.name] if lang == "zh" else section.value


def _lines(lang: Language) -> Iterator[str]:
    words = _WORDS[lang]
    yield from (f"# {line}" for line in words["head"].split("\n"))
    for section in Section:
        yield ""
        yield f"# --- {section_title(section, lang)} ---"
        for setting in SETTINGS:
            if setting.section is section:
                yield ""
                yield f"# {meaning(setting, lang)}"
                yield _assignment(setting, words)
    yield ""
    yield from (f"# {line}" for line in words["listen"].split("\n"))
    yield from ("#[[listen]]", '#listen = ":8443"', "#[[listen]]", '#listen = ":8444"', '#pin = "next"')
    yield ""
    own = ", ".join(setting.name for setting in TENANT_SETTINGS if setting.name != "name")
    yield from (f"# {line}" for line in words["tenant"].split("\n"))
    yield from wrap(f"{own}.", 116, initial_indent="#   ", subsequent_indent="#   ")
    yield "# may_reach: " + meaning(TENANT_BY_NAME["may_reach"], lang)
    yield from ("#[[tenant]]", '#name = "friends"', '#verify_url = "https://headscale.example.com/verify"')
    yield from ("#[[tenant]]", '#name = "lab"', "#verify_tailscaled = true", '#may_reach = ["friends"]')


def _assignment(setting: Setting, words: dict[str, str]) -> str:
    place = Place.key(setting.name)
    if default := setting.default_text:
        return f"#{place.assigned(default)}"
    return f"#{place.assigned(setting.example)}  # {words['example']}"
