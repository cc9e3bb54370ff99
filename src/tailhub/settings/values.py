"""From what somebody wrote to what the relay takes: one way for flags, variables and the file.

A flag or a variable is text; a value of the file is text, a number, a truth value or a list: it is checked for its type
and then read as text too. A fault is a `UsageError` that names the place. Whether a value makes
sense (a port from 1 to 65535, a name that is one) is for ``server.config.config_findings``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import UsageError
from tailhub.findings import Place
from tailhub.server.config import MAX_WORKERS, MOST
from tailhub.settings.setting import Setting

__all__ = ["shown", "value_of"]

_EXPECTED = {
    "text": "text",
    "path": "text",
    "port": "number",
    "number": "number",
    "decimal": "number",
    "workers": "number",
    "switch": "truth",
    "texts": "texts",
    "names": "texts",
    "paths": "texts",
}
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
MASK = "(secret)"
_SECRET_IN_URL = re.compile(r"(?:(?<=//)|(?<!\S)(?!\S*//))\S*(?=@)|(?<=\?)\S+")  # user and password; query


def value_of(setting: Setting, written: object, place: Place, directory: Path | None = None) -> object:
    """The value of `setting` that was `written` at `place`; relative paths count from `directory`.

    Raises `UsageError`.
    """
    texts = written if isinstance(written, list) else [written]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise UsageError(findings.zero_in_value(place))
    match written:
        case list() if _EXPECTED[setting.kind] == "texts" and all(isinstance(one, str) for one in written):
            parts = tuple(one for text in written for one in _texts(setting, text))
            return _paths(setting, parts, place, directory) if setting.kind == "paths" else parts
        case bool() if setting.kind == "switch":
            return written
        case bool():
            pass
        case int() | float() if setting.kind == "decimal":
            return float(written)
        case int() if _EXPECTED[setting.kind] == "number":
            return _read(setting, str(written), place, directory)
        case str() if place.form != "key" or _EXPECTED[setting.kind] in ("text", "texts") or setting.kind == "workers":
            return _read(setting, written.strip() if place.form == "variable" else written, place, directory)
    raise UsageError(wrong_type(setting, written, place))


def wrong_type(setting: Setting, written: object, place: Place) -> findings.Finding:
    """What was `written` is of another type than `setting` takes; what it says is kept to itself if it is secret."""
    found = public_text(setting, shown(written))
    example = setting.example or ("true" if setting.kind == "switch" else setting.default_text)
    return findings.wrong_type(place, _EXPECTED[setting.kind], found, example)


def public_text(setting: Setting, text: str) -> str:
    """`text`, a value of `setting` however it was written, without what is secret."""
    if setting.secret:
        return MASK
    return public_url(text) if setting.secret_url else text


def public_url(text: str) -> str:
    """A URL, or what was meant to be one, without user, password and query."""
    return _SECRET_IN_URL.sub(MASK, text)


def _read(setting: Setting, text: str, place: Place, directory: Path | None) -> object:
    match setting.kind:
        case "path":
            return _path(setting, text, place, directory)
        case "port":
            return _number(text, findings.bad_port(place, text))
        case "number":
            return _number(text, findings.bad_region_id(text, place))
        case "decimal":
            return _decimal(text, findings.bad_decimal(place, text, MOST[setting.name]))
        case "workers":
            return None if text == "auto" else _number(text, findings.bad_workers(text, MAX_WORKERS, place))
        case "switch":
            if text.lower() not in _TRUTH:
                raise UsageError(wrong_type(setting, text, place))
            return _TRUTH[text.lower()]
        case "texts" | "names":
            return _texts(setting, text)
        case "paths":
            return _paths(setting, _texts(setting, text), place, directory)
        case _:
            return text


def _number(text: str, refusal: findings.Finding) -> int:
    if re.fullmatch("-?[0-9]{1,9}", text) is None:
        raise UsageError(refusal)
    return int(text)


def _decimal(text: str, refusal: findings.Finding) -> float:
    if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", text) is None:
        raise UsageError(refusal)
    return float(text)


def _texts(setting: Setting, text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(","))
    # An empty address is a mistake, a variable of a script that was not set; no names are no mistake.
    return tuple(part for part in parts if part) if setting.kind == "names" else parts


def _paths(setting: Setting, texts: tuple[str, ...], place: Place, directory: Path | None) -> tuple[Path | str, ...]:
    return tuple(_path(setting, text, place, directory) for text in texts)


def _path(setting: Setting, text: str, place: Place, directory: Path | None) -> Path | str:
    if text in setting.words:
        return text
    if not text:
        # An unset variable of a script: it must not become the current directory.
        if place.form == "flag":
            raise UsageError(findings.wrong_usage(place, "tailhub relay", "lacking"))
        raise UsageError(wrong_type(setting, text, place))
    try:
        path = Path(text).expanduser()  # a shell leaves the ~ in --option=~/x as it is
    except RuntimeError:  # no such user
        path = Path(text)
    return path if directory is None else directory / path


def shown(value: object) -> str:
    """A value as one would write it in the file, whatever it is."""
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
