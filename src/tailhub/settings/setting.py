"""What a setting is: its names, where it may stand, how it is written. All of them: `tailhub.settings.table`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Literal

from tailhub.server.config import NEEDS_RESTART
from tailhub.server.tenant_config import TenantConfig

Kind = Literal["text", "path", "port", "number", "decimal", "workers", "switch", "texts", "names", "paths"]
"""How it is written: "texts" and "paths" may be given several times, "names" are separated by commas."""

_OF_TENANTS = frozenset(one.name for one in fields(TenantConfig))


class Section(StrEnum):
    """What belongs together, in the order in which people think of it."""

    LISTENER = "Where clients connect"
    CERTIFICATE = "Certificate"
    PORTS = "Other ports"
    ADDRESS = "Address"
    STATE = "State"
    ACCESS = "Who may relay"
    LIMITS = "How much they may use"
    RELAY = "Relay"
    PAGES = "What others see"
    NOTIFY = "Who is told"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `field` is its name in the configuration's class; `example` what the documentation writes; `in_listen`: may it stand
    in a ``[[listen]]`` table? `shown_default` is for a default that is found out. A `secret` is never printed,
    nor are user, password and query of a `secret_url`. `words` may stand where else a path does.
    """

    name: str
    section: Section
    kind: Kind
    default: object
    help: str
    metavar: str = ""
    example: str = ""
    field: str = ""
    in_listen: bool = False
    shown_default: str = ""
    secret: bool = False
    secret_url: bool = False
    words: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def flags(self) -> tuple[str, ...]:
        """All its names on the command line: a switch has one to switch it off."""
        return (self.flag, "--no-" + self.flag[2:]) if self.kind == "switch" else (self.flag,)

    @property
    def field_name(self) -> str:
        """Its name in `RelayConfig`."""
        return self.field or self.name

    @property
    def needs_restart(self) -> bool:
        """Does a change take effect with a restart only, and not with a reload?"""
        return self.field_name in NEEDS_RESTART

    @property
    def in_tenant(self) -> bool:
        """May it stand in a ``[[tenant]]`` table?"""
        return self.field_name in _OF_TENANTS

    @property
    def default_text(self) -> str:
        """The default as one would write it, empty if there is none."""
        if self.shown_default:
            return self.shown_default
        if isinstance(self.default, bool):
            return "true" if self.default else "false"
        return "" if self.default in (None, "", ()) else str(self.default)


def listener_setting(
    name: str, section: Section, kind: Kind, default: object, meaning: str, metavar: str = "", example: str = ""
) -> Setting:
    """One that may stand in a ``[[listen]]`` table too."""
    return Setting(name, section, kind, default, meaning, metavar, example, in_listen=True)
