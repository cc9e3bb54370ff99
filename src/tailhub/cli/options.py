"""Options that many commands have, said once."""

from __future__ import annotations

from typing import Any

import typer

from tailhub.cli import command_line

LANG = typer.Option(metavar="en|zh", help="Language of what is printed: en or zh (default: by locale).")
JSON = typer.Option("--json", help="As JSON, for programs.")


def state_dir(command: str) -> Any:
    """``--state-dir`` of ``tailhub COMMAND``."""
    parser = command_line.path("--state-dir", f"tailhub {command}")
    return typer.Option(parser=parser, metavar="DIR", help="Directory that keeps the relay's state.")
