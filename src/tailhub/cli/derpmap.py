"""``tailhub derpmap``: the running relay's map, and work on the maps of others. The group and its flags.

What the commands do is in `derpmap_running`, `derpmap_make`, `derpmap_edit` and `derpmap_lint`, loaded when called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tailhub import findings
from tailhub.cli import command_line, options
from tailhub.cli.derpmap_flags import takes_fields
from tailhub.exceptions import UsageError

if TYPE_CHECKING:
    from tailhub.tailcfg.derpmap import DERPMap
    from tailhub.tools.derpmap.converting import MapFormName

app = typer.Typer(help="The relay's DERP map; make, check, change and compare maps.", invoke_without_command=True)

_MAP = "A policy or a map: a file, a URL, - for standard input, or tailnet."
_FILE = "The file: a Tailscale policy, JSON, or YAML of Headscale; - reads standard input and writes standard output."
_HOSTS = "Relays to ask what the map must say of them; none: it is said by the flags."
_REGION = "Its number, code or name."
_DRY_RUN = typer.Option("--dry-run", help="Show what would change, and write nothing.")


@app.callback()
def derpmap(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for derp.urls of Headscale and for tools.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As YAML, for derp.paths of Headscale.")] = False,
    state_dir: Annotated[Path | None, options.state_dir("derpmap")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Print the running relay's map again.

    Plain, it is for Tailscale's policy file.
    """
    if context.invoked_subcommand is not None:
        given = [
            flag for flag, value in (("--json", as_json), ("--yaml", as_yaml), ("--state-dir", state_dir)) if value
        ]
        if given:
            raise UsageError(findings.options_exclude(given[0], context.invoked_subcommand))
        return 0
    language = command_line.language(lang)
    form = _form(as_json=as_json, as_yaml=as_yaml)
    from tailhub.cli.derpmap_running import print_map

    return print_map(state_dir, as_json=form == "json", as_yaml=form == "yaml", lang=language)


@app.command()
@takes_fields
def make(
    values: Mapping[str, Any],
    hosts: Annotated[list[str] | None, typer.Argument(metavar="[HOST[:PORT]]...", help=_HOSTS)] = None,
    beside: Annotated[str, typer.Option("--beside", metavar="MAP", help="A map whose region numbers are taken.")] = "",
    one_region: Annotated[
        bool, typer.Option("--one-region", help="All relays in one region; they must be meshed then.")
    ] = False,
    omit_default_regions: Annotated[
        bool, typer.Option("--omit-default-regions", help="Clients shall use no regions but these.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As YAML, for derp.paths of Headscale.")] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Make a map of relays, by asking them or by flags alone.

    Each relay gets a region whose number stays the same. Of a self-signed certificate it shows the pin: compare it on
    the relay first, with tailhub cert show.
    """
    language = command_line.language(lang)
    form = _form(as_json=as_json, as_yaml=as_yaml)
    from tailhub.cli.derpmap_make import print_made

    asked = hosts or ()
    return print_made(
        values, asked, beside, form=form, is_one_region=one_region, omits=omit_default_regions, lang=language
    )


@app.command()
def lint(
    source: Annotated[str, typer.Argument(metavar="MAP", help=_MAP)],
    region: Annotated[
        str, typer.Option("--region", metavar="REGION", help="Only this region (number, code, name).")
    ] = "",
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the relays too: do they answer at the ports that the map says?")
    ] = False,
    as_json: Annotated[bool, options.JSON] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Say what is wrong in a policy or a map, with line and column.

    A policy is read exactly as Tailscale does. The exit code is 1 when there is an error.
    """
    language = command_line.language(lang)
    from tailhub.cli.derpmap_lint import print_lint

    return print_lint(source, region, asks=ask, as_json=as_json, lang=language)


@app.command()
@takes_fields
def add(
    values: Mapping[str, Any],
    file: Annotated[str, typer.Argument(metavar="FILE", help=_FILE)],
    hosts: Annotated[list[str] | None, typer.Argument(metavar="[HOST[:PORT]]...", help=_HOSTS)] = None,
    source: Annotated[
        str, typer.Option("--from", metavar="MAP", help="Add the regions of this map instead of making one.")
    ] = "",
    one_region: Annotated[
        bool, typer.Option("--one-region", help="All relays in one region; they must be meshed then.")
    ] = False,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Add a region to a file, in place: all other bytes stay.

    As make does it, or from a map that there is.
    """
    language = command_line.language(lang)
    if source and (hosts or values):
        raise UsageError(findings.options_exclude("--from", "HOST and the fields of a region"))
    from tailhub.cli.derpmap_edit import add_map
    from tailhub.cli.derpmap_make import made_map
    from tailhub.tools.map_source import read_map_text

    def made(taken: Sequence[int]) -> DERPMap:
        if source:
            return read_map_text(source).derp_map()
        return made_map(values, hosts or (), taken, is_one_region=one_region, lang=language)

    return add_map(file, made, is_dry=dry_run, lang=language)


@app.command()
def remove(
    file: Annotated[str, typer.Argument(metavar="FILE", help=_FILE)],
    regions: Annotated[list[str], typer.Argument(metavar="REGION...", help=_REGION)],
    dry_run: Annotated[bool, _DRY_RUN] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Take regions out of a file, in place: all other bytes stay."""
    language = command_line.language(lang)
    from tailhub.cli.derpmap_edit import remove_regions

    return remove_regions(file, regions, is_dry=dry_run, lang=language)


@app.command("set")
@takes_fields
def set_(
    values: Mapping[str, Any],
    file: Annotated[str, typer.Argument(metavar="FILE", help=_FILE)],
    region: Annotated[str, typer.Argument(metavar="REGION", help=_REGION)],
    node: Annotated[str, typer.Option("--node", metavar="NAME", help="The node, where the region has several.")] = "",
    dry_run: Annotated[bool, _DRY_RUN] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Set fields of a region or its node in a file, in place: all other bytes stay.

    An empty value takes the field out: --cert-name ''.
    """
    language = command_line.language(lang)
    from tailhub.cli.derpmap_edit import set_fields

    return set_fields(file, region, node, values, is_dry=dry_run, lang=language)


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="MAP", help=_MAP)],
    to: Annotated[
        str, typer.Option("--to", metavar="snippet|policy|json|yaml", help="To paste, a whole policy, or a map alone.")
    ] = "snippet",
    into: Annotated[
        str, typer.Option("--into", metavar="FILE", help="Make the map in this file equal, in place, instead.")
    ] = "",
    dry_run: Annotated[bool, _DRY_RUN] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Print a map in another form: Tailscale's policy, JSON, or YAML for Headscale.

    What cannot be carried over is said on standard error.
    """
    language = command_line.language(lang)
    from tailhub.cli.derpmap_make import convert_map

    return convert_map(source, to, into, is_dry=dry_run, lang=language)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="MAP", help=_MAP)],
    after: Annotated[str, typer.Argument(metavar="MAP", help="The other one.")],
    as_json: Annotated[bool, options.JSON] = False,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Say how two maps differ, by region and field, whatever form they have.

    The exit code is 1 when they do.
    """
    language = command_line.language(lang)
    from tailhub.cli.derpmap_make import print_diff

    return print_diff(before, after, as_json=as_json, lang=language)


@app.command()
def push(
    to: Annotated[
        str,
        typer.Argument(
            metavar="[tailscale|FILE]", help="Tailscale's policy, or a file (default: push_map_to).", show_default=False
        ),
    ] = "",
    source: Annotated[
        str, typer.Option("--map", metavar="MAP", help="A map of one relay (default: the running relay's).")
    ] = "",
    secret_file: Annotated[
        str,
        typer.Option(metavar="FILE", help="Secret of an OAuth client (scope policy_file), or an API access token."),
    ] = "",
    tailnet: Annotated[str, typer.Option(metavar="NAME", help="The tailnet (default: the credential's own).")] = "",
    api_url: Annotated[str, typer.Option("--api-url", metavar="URL", help="Another address of Tailscale's API.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Undo what somebody else has changed, too.")] = False,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The relay's configuration file.")
    ] = None,
    state_dir: Annotated[Path | None, options.state_dir("derpmap push")] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Bring the running relay's region to where clients get their map from.

    In place: how the relay is reached, and nothing else. Shows what changes, and asks. What somebody else has written
    meanwhile is not overwritten.
    """
    language = command_line.language(lang)
    from tailhub.cli.derpmap_push import Wish
    from tailhub.cli.derpmap_push import push as push_map

    wish = Wish(to, source, secret_file, tailnet, api_url, config, state_dir)
    return push_map(wish, is_dry=dry_run, is_sure=yes, is_forced=force, lang=language)


def _form(*, as_json: bool, as_yaml: bool) -> MapFormName:
    if as_json and as_yaml:
        raise UsageError(findings.options_exclude("--json", "--yaml"))
    return "json" if as_json else "yaml" if as_yaml else "snippet"
