"""``tailhub doctor``: what its words mean, and its exit code."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from support.refusals import finding_of
from tailhub.cli import doctor
from tailhub.exceptions import MachineError, UsageError

REGION = {
    "RegionID": 912,
    "RegionCode": "home",
    "RegionName": "Home",
    "Nodes": [{"Name": "912a", "RegionID": 912, "HostName": "derp.example.com"}],
}


def asked(name: str, region: str = "", *, stun_port: int = 0, pin: str = "", insecure: bool = False) -> doctor.Asked:
    """What is meant by these words."""
    return doctor.find_targets(name, region, stun_port=stun_port, pin=pin, insecure=insecure)


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy file with one region."""
    path = tmp_path / "policy.hujson"
    path.write_text("// mine\n" + json.dumps({"derpMap": {"Regions": {"912": REGION}}}) + "\n")
    return str(path)


def test_a_host() -> None:
    """What is no file is a host, with what clients know of it."""
    [target] = asked("derp.example.com:8443", stun_port=3479, pin="sha256-raw:" + 64 * "a").targets
    assert (str(target), target.stun_port, target.is_pinned) == ("derp.example.com:8443", 3479, True)


def test_a_map(policy: str) -> None:
    """A file is a map: all of its relays, or those of a region by its id, code or name."""
    for region in ("", "912", "home", "Home"):
        [target] = asked(policy, region).targets
        assert (str(target), target.origin) == ("derp.example.com:443", policy)


def test_words_that_mean_nothing(policy: str, tmp_path: Path) -> None:
    """What is neither file nor host, a region that there is not, and options that a map has itself are refused."""
    assert finding_of(lambda: asked(str(tmp_path / "absent.hujson")), UsageError).code == "TH525"
    assert finding_of(lambda: asked(policy, "913"), UsageError).code == "TH527"
    assert finding_of(lambda: asked(policy, stun_port=3478), UsageError).code == "TH526"
    assert finding_of(lambda: doctor.form_of(as_json=True, to_share=True), UsageError).code == "TH068"
    assert finding_of(lambda: doctor.explain_code("TH999", as_json=False, lang="en"), UsageError).code == "TH069"


def test_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a target, and without a Tailscale client here, the ways to name one are said."""
    monkeypatch.setenv("PATH", "/nowhere")
    finding = finding_of(lambda: asked(""), UsageError)
    assert finding.code == "TH530"
    assert "`tailhub doctor HOST:PORT`" in finding.remedy()


def test_a_map_that_clients_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that keeps them from reading it is said, and no relay is looked at."""
    path = tmp_path / "policy.hujson"
    path.write_text('{"derpMap"： {"Regions": {}},,}')
    meant = asked(str(path))
    assert meant.targets == []
    assert meant.map_text is not None
    assert finding_of(meant.relays, MachineError).code == "TH467"
    assert doctor.check_unreadable(meant.map_text, "json", "en") == 1
    [report] = json.loads(capsys.readouterr().out)["reports"]
    assert [one["code"] for one in report["findings"]] == ["TH467", "TH461"]
    assert report["steps"][-1]["outcome"] == "untested"


def test_where_no_relay_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check on the relay's machine says where it makes no sense."""
    monkeypatch.delattr(socket, "AF_UNIX")
    assert finding_of(lambda: doctor.check_here(None, None, "screen", "en"), MachineError).code == "TH082"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_code_for_programs(lang: doctor.Language, capsys: pytest.CaptureFixture[str]) -> None:
    """The page of a code is there as JSON too, in any case of its letters."""
    assert doctor.explain_code("th014", as_json=True, lang=lang) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["code"], page["name"], page["severity"]) == ("TH014", "pin-differs", "error")
    assert all(page[part] for part in ("what", "means", "remedy", "now"))
