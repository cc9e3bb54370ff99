"""``tailhub region``: regions of several relays. The group and its flags; what each does is loaded when called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailhub import findings
from tailhub.cli import command_line, options, output
from tailhub.exceptions import UsageError

app = typer.Typer(help="Regions of several relays.", invoke_without_command=True)


@app.callback()
def region(context: typer.Context) -> None:
    """Regions of several relays."""
    if context.invoked_subcommand is None:
        output.write(context.get_help() + "\n")
        raise typer.Exit(UsageError.exit_code)


@app.command()
def plan(
    description: Annotated[
        str, typer.Argument(metavar="[REGION.toml]", help="The region's description; --example shows one.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            parser=command_line.path("--out", "tailhub region plan"),
            metavar="DIR",
            help="Where to write (default: the description's name without its ending).",
        ),
    ] = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Begin to change the mesh key: a new one beside the one that there is.")
    ] = False,
    drop_old_key: Annotated[bool, typer.Option("--drop-old-key", help="End that: all nodes have the new one.")] = False,
    example: Annotated[bool, typer.Option("--example", help="Print a description with all keys, and end.")] = False,
    as_json: Annotated[bool, options.JSON] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Make the files of all nodes of a region, and the DERP map for all, of one description.

    For each node a directory to be copied to it: configuration (of a derper its command line), mesh key, certificate
    if clients pin it. Run again it writes what has changed, and says so; keys and certificates stay. The exit code is 1
    when the map has a fault.
    """
    language = command_line.language(lang)
    from tailhub.cli import region_plan

    if example:
        output.write(region_plan.example(language))
        return 0
    if not description:
        raise UsageError(findings.wrong_usage("REGION.toml", "tailhub region plan", "lacking"))
    if new_key and drop_old_key:
        raise UsageError(findings.options_exclude("--new-key", "--drop-old-key"))
    wish = region_plan.wish(new_key=new_key, drop_old_key=drop_old_key)
    return region_plan.plan(command_line.path("REGION.toml")(description), out, wish, as_json=as_json, lang=language)
