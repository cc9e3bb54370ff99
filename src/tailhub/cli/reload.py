"""``tailhub reload``: has the running relay read its configuration again, and tells what that changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tailhub.cli import output
from tailhub.cli.admin_socket import call, state_directory
from tailhub.findings import Language
from tailhub.server.reload import ADDED, CONTENT, REMOVED

_TEXTS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "changed": "The relay goes by these from now on:",
        "same": "Nothing has changed: the relay has read its configuration and files again.",
        "restart": "These need a restart, and are as they were until then:",
        ADDED: ADDED,
        REMOVED: REMOVED,
        CONTENT: "(the file says something else)",
    },
    "zh": {
        "changed": "中继即刻改用：",
        "same": "没有变化：中继已重新读取配置和文件。",
        "restart": "以下各项重启后才会生效，在此之前保持原样：",
        ADDED: "（新增）",
        REMOVED: "（已删除）",
        CONTENT: "（文件内容有变）",
    },
}


def reload(state_dir: Path | None, *, as_json: bool, lang: Language) -> int:
    """Ask for it; the exit code. Raises `FindingError` when the relay has refused it: nothing has changed then."""
    answer = call(state_directory(state_dir), "POST", "reload")
    if as_json:
        output.write(json.dumps(answer, indent=1, ensure_ascii=False) + "\n")
        return 0
    texts = _TEXTS[lang]
    output.write(texts["changed" if answer["changed"] else "same"] + "\n")
    for name in answer["changed"]:
        output.write(f"  {_in_words(name, lang)}\n")
    if answer["needs_restart"]:
        output.write(texts["restart"] + "\n")
    for name in answer["needs_restart"]:
        output.write(f"  {_in_words(name, lang)}\n")
    return 0


def _in_words(name: str, lang: Language) -> str:
    for mark in (ADDED, REMOVED, CONTENT):
        name = name.replace(mark, _TEXTS[lang][mark])
    return name
