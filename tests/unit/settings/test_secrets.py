"""What is secret stays so, whatever is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailhub.cli.app import run
from tailhub.settings.original import read_original
from tailhub.settings.table import SETTINGS
from tailhub.settings.toml_file import parse

SECRET = "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWU"


@pytest.mark.parametrize(
    "text",
    [
        f"acme_eab_key = {SECRET}\n",
        f"acme_eab_key: {SECRET}\n",
        f"  'acme_eab_key' = {SECRET}\n",
        f'acme_eab_key = "{SECRET}\n',
        f'acme_eab_key = "{SECRET}"\nacme_eab_key = "{SECRET}"\n',
        f'[[listen]]\nlisten = ":1"\nacme_eab_key = {SECRET}\n',
    ],
)
def test_a_faulty_line_with_a_secret_is_not_shown(text: str) -> None:
    """What is wrong is told with its line's number; the line itself is not repeated."""
    faults = parse(text.encode(), Path("tailhub.toml")).faults
    assert faults
    assert SECRET not in "".join(fault.render(lang) for fault in faults for lang in ("en", "zh"))


@pytest.mark.parametrize("written", [f'"{SECRET}"', f'["{SECRET}"]'])
@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["check"], ["check", "--json"]])
def test_no_command_shows_a_secret(
    tmp_path: Path, words: list[str], written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither as a sound value nor as one of a wrong type is it printed."""
    file = tmp_path / "tailhub.toml"
    file.write_text(f'acme_eab_kid = "kid"\nacme_eab_key = {written}\n')
    assert run(["config", *words, "--config", str(file), "--lang", "en"]) in (0, 1)
    out, error = capsys.readouterr()
    if "--json" in words:
        assert json.loads(out)["file"] == str(file)
    assert SECRET not in out + error


URLS = [f"http://me:{SECRET}@127.0.0.1:1/v", f"http://127.0.0.1:1/v?token={SECRET}", f"me:{SECRET}@127.0.0.1/v"]
URLS.append(f"postgresql://me:{SECRET}@127.0.0.1/v?password={SECRET}")


@pytest.mark.parametrize("written", [*(f'"{url}"' for url in URLS), f'["{URLS[0]}"]', URLS[0]])
@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["check"], ["check", "--json"]])
@pytest.mark.parametrize("name", ["verify_url", "store"])
def test_no_command_shows_a_secret_in_a_url(
    tmp_path: Path, name: str, words: list[str], written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """User, password and query of a URL that is asked or written to are not printed, be it sound or not."""
    file = tmp_path / "tailhub.toml"
    file.write_text(f"{name} = {written}\n")
    assert run(["config", *words, "--config", str(file), "--lang", "en"]) in (0, 1)
    out, error = capsys.readouterr()
    assert SECRET not in out + error


def test_a_secret_in_a_url_in_stray_quotes() -> None:
    """The original's verify URL is mended and told of without what is secret in it."""
    settings = read_original(["-verify-client-url", f"'{URLS[0]}'"], {}, 1000, Path("/home/somebody"))
    assert settings is not None
    assert settings.relay["verify_url"].value == URLS[0]
    (finding,) = (finding for finding in settings.faults if finding.name == "value-repaired")
    assert SECRET not in finding.render("en") + finding.render("zh")


def test_a_secret_in_stray_quotes() -> None:
    """Quotes of a compose file around a secret are taken away, and told of without it."""
    words = ["-acme-eab-key", f"'{SECRET}'", "-hostname", "derp.example.com"]
    settings = read_original(words, {}, 1000, Path("/home/somebody"))
    assert settings is not None
    assert settings.relay["acme_eab_key"].value == SECRET
    (finding,) = (finding for finding in settings.faults if finding.name == "value-repaired")
    assert SECRET not in finding.render("en") + finding.render("zh")


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if setting.secret])
@pytest.mark.parametrize("words", [["show"], ["show", "--json"], ["check"]])
def test_no_secret_setting_is_shown(
    tmp_path: Path, name: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever it is, and whether it fits or not."""
    file = tmp_path / "tailhub.toml"
    file.write_text(f'{name} = "{SECRET} "\n')
    assert run(["config", *words, "--config", str(file), "--lang", "en"]) in (0, 1)
    out, error = capsys.readouterr()
    assert SECRET not in out + error
