"""``tailhub explain``: why a key may relay or may not, as the running relay knows it.

The texts are in `tailhub.cli.access_texts`.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tailhub import findings
from tailhub.cli import output
from tailhub.cli.access_texts import TEXTS, ago
from tailhub.cli.admin_socket import call, state_directory
from tailhub.cli.allow import replacement
from tailhub.cli.called import program
from tailhub.cli.listing import block, step
from tailhub.cli.screen import Line, columns_of, show
from tailhub.findings import Language


def explain(key: str, state_dir: Path | None, *, ask: bool, as_json: bool, lang: Language) -> int:
    """Print what is known of a key; the exit code."""
    target = f"explain/{quote(key, safe='')}" + ("?ask=1" if ask else "")
    found = call(state_directory(state_dir), "GET", target)
    if as_json:
        output.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    else:
        show(list(_screen(found, state_dir, lang, columns_of(sys.stdout))), sys.stdout)
    return 0


def _screen(found: Mapping[str, Any], state_dir: Path | None, lang: Language, columns: int) -> Iterator[Line]:
    words, now = TEXTS[lang], time.time()
    yield Line(words["title"].format(key=found["short"]), "title")
    yield Line("")
    state = found["state"]
    shown = words[state]
    if state in ("refused", "held"):
        first, last = (ago(now - found[name], words) for name in ("first_unix_s", "last_unix_s"))
        shown = shown.format(count=found["count"], first=first, last=last)
    listed = found["allowed"]
    remark = f"   # {listed['comment']}" if listed and listed["comment"] else ""
    on_list = words["not_listed"]
    if listed:
        on_list = words["listed_as"].format(name=listed["name"] or words["unnamed"], remark=remark)
    answers = found["answers"]
    names = dict.fromkeys(answer["node"] for answer in answers if answer["node"])
    rows = [
        (words["state"], shown),
        (words["whole_key"], found["key"]),
        (words["address"], found["address"]),
        (words["known_as"], ", ".join(names)),
        (words["listed"], on_list),
        (words["replaces"], replacement(found, words)),
    ]
    yield from block([(label, findings.printable(value)) for label, value in rows], columns)
    if not found["has_verifiers"]:
        yield Line("")
        yield Line("  " + words["open"])
        return
    yield Line("")
    if answers:
        yield Line("  " + words["asked"].format(when=ago(now - found["answered_unix_s"], words)), "step")
        yield from block([(answer["verifier"], _answer(answer, words)) for answer in answers], columns)
    else:
        option = f" --state-dir {shlex.quote(str(state_dir))}" if state_dir is not None else ""
        yield from step(1, words["not_asked"], columns, [f"{program()} explain {found['key']} --ask{option}"])


def _answer(answer: Mapping[str, Any], words: Mapping[str, str]) -> str:
    detail = f" ({answer['detail']})" if answer["detail"] else ""
    names = ", ".join(name for name in (answer["node"], answer["owner"], answer["tenant"]) if name)
    text = words[f"{answer['answer']}_answer"] + detail
    return findings.printable(f"{text}   {names}" if names else text)
