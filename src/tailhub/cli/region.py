"""``tailhub region``: several relays that are one region. What each command does is in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailhub.cli import command_line, options, output
from tailhub.exceptions import UsageError

app = typer.Typer(help="Several relays that are one region.", invoke_without_command=True)


@app.callback()
def region(context: typer.Context) -> None:
    """Several relays that are one region."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command()
def check(
    map_name: Annotated[
        str, typer.Argument(metavar="MAP", help="Policy file or map (HuJSON, JSON, YAML), its URL, -, or tailnet.")
    ],
    region: Annotated[str, typer.Option(metavar="REGION", help="Only this one: its id, code or name.")] = "",
    mesh_key_file: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--mesh-key-file", "tailhub region check"),
            metavar="FILE",
            help="The relays' mesh key: they then tell who is linked with whom (default: packets show it).",
        ),
    ] = None,
    as_json: Annotated[bool, options.JSON] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Show whether the relays of a region know each other: who has a link to whom, and what is wrong with the rest.

    It logs in to each of them. With the mesh key they tell who their mesh peers are, without it a packet is sent from
    each to each. Exit code 1 when something is broken.
    """
    language = command_line.language(lang)
    from tailhub.cli.region_check import check_regions

    return check_regions(map_name, region, mesh_key_file, as_json=as_json, lang=language)
