"""The flags for the fields of a region and its node, made from one table, for every command that makes or changes one.

All are read as text: what a value may be is `tailhub.tools.derpmap.fields`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from tailhub import findings
from tailhub.exceptions import LocalError, UsageError
from tailhub.tools.derpmap.fields import FIELDS, parse_fields

__all__ = ["takes_fields"]


def takes_fields(command: Callable[..., int]) -> Callable[..., int]:
    """Give `command` a flag for each field; its first argument gets the values that were given, by Tailscale's names.

    None is the value of a flag with an empty text: the field is to be taken out.
    """
    hints = get_type_hints(command, include_extras=True)
    own = list(inspect.signature(command).parameters.values())[1:]
    parameters = [*(one.replace(annotation=hints[one.name]) for one in own), *map(_parameter, FIELDS)]

    def run(**words: Any) -> int:
        texts = {field.key: words.pop(field.key) for field in FIELDS}
        try:
            values = parse_fields({name: text for name, text in texts.items() if text is not None})
        except LocalError as exc:
            raise UsageError(findings.wrong_usage(str(exc), f"tailhub derpmap {command.__name__.rstrip('_')}")) from exc
        return command(values, **words)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what typer reads
        [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    )
    return run


def _parameter(field: Any) -> inspect.Parameter:
    option = typer.Option(field.flag, metavar=field.metavar, help=field.help)
    annotation = Annotated[str | None, option]
    return inspect.Parameter(field.key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
