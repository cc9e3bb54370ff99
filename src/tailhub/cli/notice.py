"""``tailhub notice``: tells users of the running relay something, shows what they are told, and takes it back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tailhub import findings
from tailhub.cli import output
from tailhub.cli.admin_socket import call, state_directory
from tailhub.cli.drain import duration
from tailhub.findings import Language
from tailhub.keys import NodePublic, short_key
from tailhub.server.notice_actions import MAX_FOR_S

__all__ = ["clear", "put", "show"]

TEXTS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "none": "Users are told nothing.",
        "cleared": "Taken back: {count}.",
        "told": "Told now, and to whoever comes: {text}",
        "everybody": "everybody",
        "tenant": "tenant {tenant}",
        "until": "until {time}",
        "always": "until it is taken back",
    },
    "zh": {
        "none": "没有给用户的通知。",
        "cleared": "已撤下 {count} 条。",
        "told": "现在的用户和之后连接的用户都会看到：{text}",
        "everybody": "所有人",
        "tenant": "租户 {tenant}",
        "until": "到 {time} 为止",
        "always": "直到撤下",
    },
}


def put(
    state_dir: Path | None, text: str, lasts: str | None, tenant: str, key: str, *, as_json: bool, lang: Language
) -> int:
    """Tell users `text`; the exit code."""
    fields: dict[str, object] = {"text": text, "tenant": tenant, "key": key}
    if lasts is not None:
        fields["for_s"] = duration("--for", lasts, MAX_FOR_S)
    told = call(state_directory(state_dir), "POST", "notice", fields)
    if as_json:
        return _as_json(told)
    output.write(TEXTS[lang]["told"].format(text=findings.printable(text).strip()) + "\n")
    return 0


def show(state_dir: Path | None, *, as_json: bool, lang: Language) -> int:
    """Print what users are told; the exit code."""
    told = call(state_directory(state_dir), "GET", "notice")
    if as_json:
        return _as_json(told)
    for notice in told["notices"]:
        output.write(_line(notice, lang) + "\n")
    if not told["notices"]:
        output.write(TEXTS[lang]["none"] + "\n")
    return 0


def clear(state_dir: Path | None, tenant: str, key: str, *, as_json: bool, lang: Language) -> int:
    """Take back what this tenant or this key is told, without either everything; the exit code."""
    told = call(state_directory(state_dir), "DELETE", "notice", {"tenant": tenant, "key": key})
    if as_json:
        return _as_json(told)
    output.write(TEXTS[lang]["cleared"].format(count=told["cleared"]) + "\n")
    return 0


def _line(notice: Mapping[str, Any], lang: Language) -> str:
    texts = TEXTS[lang]
    whom = texts["everybody"]
    if notice["key"] is not None:
        whom = short_key(NodePublic.parse(notice["key"]).raw)
    elif notice["tenant"] is not None:
        whom = texts["tenant"].format(tenant=findings.printable(notice["tenant"]))
    lasts = texts["always"]
    if notice["until"] is not None:
        lasts = texts["until"].format(time=time.strftime("%Y-%m-%d %H:%M", time.localtime(notice["until"])))
    return f"{whom}, {lasts}: {findings.printable(notice['text'])}"


def _as_json(told: Mapping[str, Any]) -> int:
    output.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return 0
