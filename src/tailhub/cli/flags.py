"""The flags of ``tailhub relay``, made from the table of settings, for every command that takes a configuration.

All of them are read as text: what a value may be is the same for flags, variables and the file
(`tailhub.settings.values`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, get_type_hints

import typer

from tailhub.findings import PREFIX
from tailhub.settings.merge import CONFIG
from tailhub.settings.setting import Setting
from tailhub.settings.table import SETTINGS

__all__ = ["takes_settings"]

_CONFIG_HELP = f"Configuration file (or {PREFIX}CONFIG; `tailhub config init` makes one)."


def takes_settings(command: Callable[..., int]) -> Callable[..., int]:
    """Give `command` all flags of the relay; its first argument gets those that were given, by name."""
    hints = get_type_hints(command, include_extras=True)
    own = list(inspect.signature(command).parameters.values())[1:]
    parameters = [*_parameters(), *(one.replace(annotation=hints[one.name]) for one in own)]

    def run(**words: Any) -> int:
        rest = {one.name: words.pop(one.name) for one in own}
        return command({name: value for name, value in words.items() if value not in (None, [])}, **rest)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads
        [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    )
    return run


def _parameters() -> Iterator[inspect.Parameter]:
    yield _parameter(CONFIG, str, typer.Option("--config", metavar="FILE", help=_CONFIG_HELP))
    for setting in SETTINGS:
        yield _parameter(setting.name, _TYPES.get(setting.kind, str), _option(setting))


_TYPES: Mapping[str, Any] = {"switch": bool, "texts": list[str], "paths": list[str]}


def _option(setting: Setting) -> Any:
    default = setting.default_text
    if setting.kind == "switch":
        default = setting.flag[2:] if setting.default else ""
    # typer would put text that is no default of its own into brackets.
    shown = f"{setting.help}  [default: {default}]" if default else setting.help
    return typer.Option("/".join(setting.flags), metavar=setting.metavar or None, help=shown)


def _parameter(name: str, kind: Any, option: Any) -> inspect.Parameter:
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
