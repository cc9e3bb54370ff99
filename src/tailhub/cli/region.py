"""``tailhub region``: several relays that are one region. What each command does is in a module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailhub import findings
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
        str,
        typer.Argument(
            metavar="MAP|REGION.toml",
            help="Policy file or map (HuJSON, JSON, YAML), its URL, -, tailnet; or what tailhub region plan was given.",
        ),
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


@app.command()
def restart(
    description: Annotated[str, typer.Argument(metavar="REGION.toml", help="The region's description.")],
    node: Annotated[
        list[str] | None, typer.Option("--node", metavar="NAME", help="Only this one (may be repeated).")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            parser=command_line.path("--plan", "tailhub region restart"),
            metavar="DIR",
            help="Where its plan was written (default: as tailhub region plan has it).",
        ),
    ] = None,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="How long each node may take: to drain, to start, to find the others.")
    ] = "2m",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, a line for each step.")] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Restart the nodes of a region, one after the other, by the commands of its description.

    The next one only when the one before is back, and all have links to all. A node without a command is restarted by a
    person, who is asked to. Exit code 1 when a node does not come back: it stops there.
    """
    language = command_line.language(lang)
    from tailhub.cli import region_restart

    path = command_line.path("REGION.toml")(description)
    limit_s = command_line.duration("--timeout", timeout, least_s=1.0)
    return region_restart.restart(path, plan, node or (), limit_s, as_json=as_json, lang=language)
