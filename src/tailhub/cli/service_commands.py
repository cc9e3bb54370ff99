"""``tailhub service``: its commands and their flags. What they do is in `tailhub.cli.service`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailhub.cli import command_line, options

app = typer.Typer(help="The relay as a service of systemd.", rich_markup_mode=None, no_args_is_help=True)

_NAME = typer.Option(metavar="NAME", help="Name of the service, its state directory and its configuration directory.")


@app.command("install")
def service_install(
    name: Annotated[str, _NAME] = "tailhub",
    user: Annotated[
        str, typer.Option(metavar="USER", help="User that the relay runs as; made if missing.")
    ] = "tailhub",
    config: Annotated[
        Path | None,
        typer.Option(
            parser=command_line.path("--config", "tailhub service install"),
            metavar="FILE",
            help="Configuration file (default: /etc/NAME/tailhub.toml).",
        ),
    ] = None,
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Run the relay as a service, from now on and when the machine starts.

    A user of its own, a hardened unit, and the state of whoever tried it out before. Safe to repeat.
    """
    from tailhub.cli.service import install
    from tailhub.settings.example import example

    language = command_line.language(lang)
    return install(name, user, config, example(language), language)


@app.command("status")
def service_status(
    name: Annotated[str, _NAME] = "tailhub",
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Show how the service does; exit code 3 when it does not run."""
    from tailhub.cli.service import status

    return status(name, command_line.language(lang))


@app.command("upgrade")
def service_upgrade(
    name: Annotated[str, _NAME] = "tailhub",
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Write the unit as this version has it and restart; go back if the service does not come up."""
    from tailhub.cli.service import upgrade

    return upgrade(name, command_line.language(lang))


@app.command("uninstall")
def service_uninstall(
    name: Annotated[str, _NAME] = "tailhub",
    lang: Annotated[str | None, options.LANG] = None,
) -> int:
    """Stop the service and remove its unit. State, configuration and user stay."""
    from tailhub.cli.service import uninstall

    return uninstall(name, command_line.language(lang))
