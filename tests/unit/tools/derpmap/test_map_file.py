"""Files that are changed in place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.made_maps import POLICY
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.tailcfg.derpmap import DERPNode, DERPRegion
from tailhub.tailcfg.map_edit import Syntax, add_region, remove_region
from tailhub.tools.derpmap.map_file import edit_map_file

REGION = DERPRegion(region_id=913, nodes=(DERPNode(name="913a", region_id=913, host_name="b.example"),))


def add(syntax: Syntax, text: str) -> str:
    """Add a region."""
    return add_region(syntax, text, REGION)


def finding(name: str, *, is_dry: bool = False, change: object = add) -> Finding:
    """What is said of an edit that fails."""
    with pytest.raises(MachineError) as caught:
        edit_map_file(name, change, is_dry=is_dry)  # type: ignore[arg-type]
    assert isinstance(caught.value.finding, Finding)
    return caught.value.finding


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The policy of the specification."""
    path = tmp_path / "policy.hujson"
    path.write_bytes(POLICY.encode())
    return path


def test_a_file_is_replaced_with_its_mode(policy: Path) -> None:
    """Whole, and nothing is left beside it."""
    policy.chmod(0o640)
    edited = edit_map_file(str(policy), add)
    assert edited.is_changed
    assert policy.read_bytes() == edited.after.text.encode()
    assert policy.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in policy.parent.iterdir()] == ["policy.hujson"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_where_a_link_leads_is_replaced(policy: Path, tmp_path: Path) -> None:
    """The link stays one."""
    link = tmp_path / "link.hujson"
    link.symlink_to(policy)
    edit_map_file(str(link), add)
    assert link.is_symlink()
    assert '"913"' in policy.read_text(encoding="utf-8")


def test_bytes_that_are_no_utf8_stay(policy: Path) -> None:
    """In texts, where Tailscale allows them."""
    odd = POLICY.encode().replace(b'"Home Relay"', b'"Home \xff\xfe"')
    policy.write_bytes(odd)
    edit_map_file(str(policy), add)
    assert b"\xff\xfe" in policy.read_bytes()
    edit_map_file(str(policy), lambda syntax, text: remove_region(syntax, text, "913"))
    assert policy.read_bytes() == odd


def test_nothing_is_written_on_trial(policy: Path) -> None:
    """What would be is there to be shown."""
    edited = edit_map_file(str(policy), add, is_dry=True)
    assert '"913"' in edited.after.text
    assert policy.read_text(encoding="utf-8") == POLICY


def test_what_is_right_already_is_not_written_again(policy: Path) -> None:
    """The file stays the very same."""
    before = policy.stat()
    assert not edit_map_file(str(policy), lambda _, text: text).is_changed
    assert policy.stat() == before or policy.stat().st_ino == before.st_ino


def test_a_file_that_somebody_else_writes_meanwhile_is_left_to_them(policy: Path) -> None:
    """The change is made anew by whoever wanted it, after a look."""

    def change(syntax: Syntax, text: str) -> str:
        policy.write_text(POLICY + "// by an editor\n", encoding="utf-8")
        return add(syntax, text)

    assert finding(str(policy), change=change).code == "TH498"
    assert policy.read_text(encoding="utf-8") == POLICY + "// by an editor\n"


def test_what_cannot_be_done_is_told(policy: Path, tmp_path: Path) -> None:
    """With its reason; the file stays."""
    told = finding(str(policy), change=lambda syntax, text: remove_region(syntax, text, "999"))
    assert (told.code, "there is no region 999 (there are: 912)" in told.what()) == ("TH497", True)
    assert finding(str(tmp_path / "none")).code == "TH460"
    assert finding("https://example.com/map").code == "TH497"
    policy.write_text("{“a”: 1}", encoding="utf-8")
    assert finding(str(policy)).code == "TH464"
    yaml = tmp_path / "derp.yaml"
    yaml.write_text("regions: {900: {regionid: 900}}\n", encoding="utf-8")
    told = finding(str(yaml))
    assert (told.code, "braces" in told.what()) == ("TH497", True)
    assert yaml.read_text(encoding="utf-8") == "regions: {900: {regionid: 900}}\n"
