"""``[[tenant]]`` tables of the configuration file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tailhub.cli.app import app
from tailhub.findings import Finding
from tailhub.server.config import RelayConfig
from tailhub.server.tenant_checks import tenant_doubts, tenant_pairs
from tailhub.server.tenant_config import TenantConfig
from tailhub.settings.merge import Settings, load
from tailhub.settings.table import TENANT_SETTINGS

URL = 'verify_url = "https://a.example/verify"\n'
FRIENDS = '[[tenant]]\nname = "friends"\n' + URL


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Settings]:
    """Reads a configuration file with this text."""

    def read(text: str) -> Settings:
        path = tmp_path / "tailhub.toml"
        path.write_text(text)
        return load({"config": str(path)}, {}, 0, "linux")

    return read


def codes(found: list[Finding]) -> list[str]:
    return [finding.code for finding in found]


def test_each_table_is_a_tenant_with_settings_of_its_own(read: Callable[[str], Settings], tmp_path: Path) -> None:
    """The relay's own settings are the first tenant; a path counts from the file's directory, a place has its line."""
    text = (
        "verify_tailscaled = true\nrate_limit_bytes_per_s = 5.0\n"
        + FRIENDS
        + 'may_reach = ["default", "lab"]\n[[tenant]]\nname = "lab"\nverify_tailscaled = true\n'
        + 'verify_socket = ["a.sock", "/run/b.sock"]\nverify_all = true\n'
    )
    settings = read(text)
    assert settings.findings() == []
    nameless, friends, lab = settings.config().tenants
    assert (nameless.tenant, nameless.verify_tailscaled, nameless.rate_limit_bytes_per_s) == ("", True, 5.0)
    assert (friends.tenant, friends.verify_url, friends.verify_tailscaled) == (
        "friends",
        "https://a.example/verify",
        False,
    )
    assert friends.rate_limit_bytes_per_s == 0.0  # nothing is handed down
    assert lab.verify_socket == (tmp_path / "a.sock", Path("/run/b.sock"))
    assert lab.place("verify_all").line == 11
    assert list(tenant_pairs(settings.config().tenants)) == [("friends", ""), ("friends", "lab")]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (FRIENDS + "verify_ur = 1\n", "TH091", 4),
        (FRIENDS + 'listen = ":443"\n', "TH293", 4),
        (FRIENDS + "verify_timeout_s = 2\n", "TH293", 4),
        ('may_reach = ["friends"]\n' + FRIENDS, "TH293", 1),
        ('[[listen]]\nlisten = ":443"\nname = "x"\n', "TH293", 3),
        ('tenant = "friends"\n', "TH294", 1),
        ('tenant = ["friends"]\n', "TH294", 1),
        ("[[tenant]]\n" + URL, "TH295", 1),
        ('[[tenant]]\nname = "a b"\n' + URL, "TH295", 2),
        ('[[tenant]]\nname = "default"\n' + URL, "TH295", 2),
        (f'[[tenant]]\nname = "{"x" * 64}"\n' + URL, "TH295", 2),
        (FRIENDS + FRIENDS, "TH295", 5),
        ('[[tenant]]\nname = "friends"\n', "TH296", 2),
        (FRIENDS + 'may_reach = ["freinds"]\n', "TH297", 4),
        (FRIENDS + 'may_reach = ["friends"]\n', "TH297", 4),
        (FRIENDS + "verify_url_fail_open = 1\n", "TH090", 4),
        (FRIENDS + 'verify_socket = "/run/a.sock"\n', "TH215", 4),
        (FRIENDS + "rate_limit_bytes_per_s = 1e18\n", "TH190", 4),
        ('[[tenant]]\nname = "a"\nverify_url = "ftp://x"\n', "TH214", 3),
    ],
)
def test_what_is_wrong_is_told_with_its_line(read: Callable[[str], Settings], text: str, code: str, line: int) -> None:
    """Unknown, misplaced, of a wrong type, a name that is none or taken, nobody to ask, nobody to reach."""
    (found,) = read(text).findings()
    assert found.code == code
    assert f"line {line} of" in found.what()


def test_a_mistyped_name_is_guessed(read: Callable[[str], Settings]) -> None:
    """The nearest key of a tenant's table, and the nearest tenant."""
    text = FRIENDS + 'verifyurl = 1\n[[tenant]]\nname = "lab"\nmay_reach = ["freinds"]\n' + URL
    key, tenant = (finding.remedy() for finding in read(text).findings())
    assert "`verify_url`" in key
    assert "`friends`" in tenant


def test_a_single_table_may_stand_in_single_brackets(read: Callable[[str], Settings]) -> None:
    """``[tenant]`` is a tenant too, as ``[listen]`` is a listener."""
    settings = read('[tenant]\nname = "friends"\n' + URL)
    assert settings.findings() == []
    assert [tenant.tenant for tenant in settings.config().tenants] == ["", "friends"]


def test_every_field_of_a_tenant_can_be_set() -> None:
    """What is a field of the class may stand in the table, without further words."""
    known = {setting.field_name for setting in TENANT_SETTINGS}
    assert known == {field.name for field in fields(TenantConfig)} - {"places"}


def test_doubts() -> None:
    """A verifier that two tenants ask brings nobody to the second; without one of its own nobody is in default."""
    url = TenantConfig("a", verify_url="https://a.example/verify")
    socket = TenantConfig("b", verify_tailscaled=True)
    other_socket = TenantConfig("c", verify_tailscaled=True, verify_socket=(Path("/run/c.sock"),))
    open_relay, asking = RelayConfig(), RelayConfig(verify_url="https://b.example/verify")
    assert codes(list(tenant_doubts((open_relay,)))) == []
    assert codes(list(tenant_doubts((open_relay, url)))) == ["TH299"]
    assert codes(list(tenant_doubts((asking, url, socket, other_socket)))) == []
    assert codes(list(tenant_doubts((asking, url, socket, url, socket)))) == ["TH298", "TH298"]


def test_config_show_has_the_tenants(tmp_path: Path) -> None:
    """With their names, what is set, and where."""
    path = tmp_path / "tailhub.toml"
    path.write_text(FRIENDS + 'may_reach = ["default"]\n')
    shown = CliRunner().invoke(app, ["config", "show", "--config", str(path)], env={"COLUMNS": "100"})
    tail = shown.output[shown.output.index("Tenant friends") :].split("\n")
    assert [line.split() for line in tail if line][1:] == [
        ["verify_url", "https://a.example/verify", "line", "3"],
        ["may_reach", "default", "line", "4"],
    ]
    values = json.loads(CliRunner().invoke(app, ["config", "show", "--json", "--config", str(path)]).output)
    assert values["tenants"][0]["may_reach"] == {
        "value": ["default"],
        "source": "file",
        "place": "may_reach",
        "line": 4,
    }


def test_the_example_can_be_switched_on(read: Callable[[str], Settings], tmp_path: Path) -> None:
    """Without the # before them, the example's tenants are a sound configuration."""
    text = CliRunner().invoke(app, ["config", "init"]).output
    lines = text[text.index("#[[tenant]]") :].splitlines()
    settings = read("".join(f"{line.removeprefix('#')}\n" for line in lines))
    assert settings.findings() == []
    assert [tenant.tenant for tenant in settings.config().tenants] == ["", "friends", "lab"]
