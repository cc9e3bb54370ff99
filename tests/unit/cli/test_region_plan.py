"""``tailhub region plan``: what it prints, and how it ends."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest

from tailhub.cli.app import run
from tailhub.cli.region_plan_texts import TEXTS as PLAN_TEXTS
from tailhub.cli.region_restart_texts import TEXTS as RESTART_TEXTS
from tailhub.tools.region.restart import only_restart

REGION = """id = 901
code = "fra"
[[node]]
name = "a"
host = "a.example.com"
[[node]]
name = "b"
host = "203.0.113.7"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with a description, and a locale that says English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    Path("fra.toml").write_text(REGION)


def test_what_is_new_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The first run names every file and what to do next; the next one that nothing is new; a change its lines."""
    assert run(["region", "plan", "fra.toml"]) == 0
    first = capsys.readouterr().out
    files = {str(path) for path in Path("fra").rglob("*") if path.is_file()}
    assert {f"fra/{line.split()[1]}" for line in first.splitlines() if line.startswith("  new")} == files
    check = first.index("region check fra/derpmap.json --mesh-key-file fra/mesh.key")
    assert check < first.index("derpmap convert fra/derpmap.json")  # a map goes out when the mesh is whole
    assert run(["region", "plan", "fra.toml"]) == 0
    assert capsys.readouterr().out == "Region 901 (fra), nodes: 2, in fra: nothing is new.\n"
    Path("fra.toml").write_text(REGION.replace("203.0.113.7", "203.0.113.8"))
    assert run(["region", "plan", "fra.toml"]) == 0
    changed = capsys.readouterr().out
    assert '-address = ["203.0.113.7"]' in changed
    assert '+address = ["203.0.113.8"]' in changed


def test_a_change_of_the_key_says_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """With two keys the steps are those of the change, until the old one is dropped; no key is ever printed."""
    run(["region", "plan", "fra.toml", "--out", "there"])
    assert run(["region", "plan", "fra.toml", "--out", "there", "--new-key"]) == 0
    said = capsys.readouterr().out
    assert "region plan fra.toml --out there --drop-old-key" in said
    keys = Path("there/mesh.key").read_text().split()
    assert run(["region", "plan", "fra.toml", "--out", "there", "--drop-old-key"]) == 0
    said += capsys.readouterr().out
    assert len(keys) == 2
    assert not any(key in said for key in keys)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get each file with its state, the pins, and the findings."""
    assert run(["region", "plan", "fra.toml", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert {"path": "b/tailhub.toml", "state": "new", "difference": []} in value["files"]
    assert (value["mesh_keys"], list(value["pins"]), value["findings"]) == (1, ["b"], [])


def test_every_fault_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """All that is wrong with a description is on standard error, each with its code, and nothing is written."""
    Path("fra.toml").write_text(REGION.replace("901", "1").replace("name", "nme", 1))
    assert run(["region", "plan", "fra.toml"]) == 2
    said = capsys.readouterr().err
    assert [line.rpartition("[")[2] for line in said.splitlines()] == ["TH582]", "TH580]", "TH581]"]
    assert "line 1 of fra.toml" in said
    assert not Path("fra").exists()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_example_is_printed(capsys: pytest.CaptureFixture[str], lang: str) -> None:
    """`--example` prints a description that can be read back."""
    assert run(["region", "plan", "--example", "--lang", lang]) == 0
    assert len(tomllib.loads(capsys.readouterr().out)["node"]) == 4


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["region", "plan"], 2),
        (["region", "plan", "absent.toml"], 1),
        (["region", "plan", "fra.toml", "--new-key", "--drop-old-key"], 2),
        (["region", "plan", "fra.toml", "--drop-old-key"], 2),
        (["region", "restart", "fra.toml"], 1),  # it has no plan yet
        (["region", "restart", "fra.toml", "--timeout", "soon"], 2),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str], code: int) -> None:
    """What cannot be is one sentence, and an exit code that tells whose fault it is."""
    assert run(words) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1


def test_a_restart_names_nodes_of_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    """A node that there is not, and one without a command where nobody can be asked, end it before it begins."""
    run(["region", "plan", "fra.toml"])
    capsys.readouterr()
    assert run(["region", "restart", "fra.toml", "--node", "z"]) == 2
    assert "(a, b), found z" in capsys.readouterr().err
    assert run(["region", "restart", "fra.toml", "--node", "b"]) == 2
    assert "TH596" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="no flock there")
def test_one_restart_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    """While a plan's nodes are restarted no other restart of it begins; the plan itself may be made anew."""
    Path("fra.toml").write_text(REGION.replace("host", 'restart = "true"\nhost'))
    run(["region", "plan", "fra.toml"])
    with only_restart(Path("fra/derpmap.json")):
        assert run(["region", "restart", "fra.toml"]) == 1
        assert "TH599" in capsys.readouterr().err
        assert run(["region", "plan", "fra.toml"]) == 0


def test_both_languages_have_all_words() -> None:
    """Each text is there in both languages, with the same values."""
    for texts in (PLAN_TEXTS, RESTART_TEXTS):
        assert texts["en"].keys() == texts["zh"].keys()
