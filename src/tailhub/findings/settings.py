"""Findings about the configuration: its file, its names, its variables. What values may be is in `asking`."""

from __future__ import annotations

from tailhub.findings.finding import Finding

_TABLE = "[[listen]]"


def wrong_type(place: str, expected: str, found: str, example: str) -> Finding:
    """The setting at `place` has a value of another type; `expected` is "text", "number", "truth", "texts", "table"."""
    types = {word: expected == word for word in ("text", "number", "truth", "texts")}
    return Finding("TH090", {"place": place, **types, "found": found, "example": example})


def unknown_setting(place: str, near: str = "") -> Finding:
    """There is no setting of the name at `place`; `near` is the one that looks most like it."""
    return Finding("TH091", {"place": place, "near": near})


def misplaced_setting(place: str, *, relay: bool) -> Finding:
    """A setting of the whole relay stands in a listener's table, or (not `relay`) one of a listener at the top."""
    return Finding("TH092", {"place": place, "relay": relay, "table": _TABLE})


def not_toml(path: str, line: int, reason: str, suggestion: str = "") -> Finding:
    """A line of the configuration file breaks the rules of TOML; `suggestion` is what was probably meant."""
    example = 'listen = ":8443"'
    return Finding(
        "TH093", {"path": path, "line": line, "reason": reason, "suggestion": suggestion, "example": example}
    )


def unknown_variable(name: str, near: str = "") -> Finding:
    """A variable of the environment begins as ours do, and is none."""
    return Finding("TH094", {"name": name, "near": near})


def not_utf8(path: str, line: int) -> Finding:
    """The configuration file is in another encoding."""
    return Finding("TH095", {"path": path, "line": line})


def listen_lacking(place: str, port: int) -> Finding:
    """A further listener does not say where it listens; `port` would be free."""
    return Finding("TH096", {"place": place, "example": f'listen = ":{port}"'})


def port_twice(one: str, other: str, port: int, free: int) -> Finding:
    """Two listeners want the same port; `free` is one that none of them wants."""
    return Finding("TH097", {"one": one, "other": other, "port": port, "free": free})


def name_tells(path: str, name: str, option: str) -> Finding:
    """`option` asks to hide what runs here, and the pinned certificate has been made with a name that tells."""
    return Finding("TH098", {"path": path, "name": name, "option": option})


def zero_in_value(place: str) -> Finding:
    """A value has a zero character, which nothing that it could name can have."""
    return Finding("TH230", {"place": place})
