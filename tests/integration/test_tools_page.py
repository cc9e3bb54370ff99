"""The examples of ``docs/tools.md`` run, against a relay that does."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.region_relays import RegionRelays, full
from support.relay_process import RelayProcess
from tailhub.tailcfg.derpmap import DERPMap, from_plain
from tailhub.tailcfg.hujson import parse
from tailhub.tools.target import map_targets

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")
PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
POLICY = """{
	// who may talk to whom
	"acls": [],
}
"""
LOG = """\
2026/11/27 10:00:00 magicsock: [0xc0001] derp.Recv(derp-912): derphttp.Client.Recv connect to region 912 (home): \
dial tcp4 203.0.113.7:8443: connect: connection refused
"""


def example(name: str) -> Any:
    """The function of that name, as the page has it."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (code,) = [code for code in blocks if f"def {name}(" in code]
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names[name]


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayProcess]:
    with RelayProcess("--address", "127.0.0.1") as process:
        yield process


@pytest.fixture
def derp_map(relay: RelayProcess) -> DERPMap:
    return from_plain(relay.derp_map())


def test_a_relay_by_its_host(relay: RelayProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """The first example says that the relay is well, but for STUN, which it has at another port than usual."""
    report = asyncio.run(example("check")(f"127.0.0.1:{relay.port}"))
    printed = capsys.readouterr().out
    assert "looking at packets …" in printed
    assert {finding.code for finding in report.findings} <= {"TH003", "TH007"}
    assert all(f"{finding.code} " in printed for finding in report.findings)


def test_a_region_of_a_map(relay: RelayProcess, tmp_path: Path) -> None:
    """The second example finds nothing wrong with the relay as its own map has it."""
    (tmp_path / "map.json").write_text(json.dumps(relay.derp_map()))
    (number,) = relay.derp_map()["Regions"]
    (report,) = asyncio.run(example("check_region")(str(tmp_path / "map.json"), number))
    assert [finding.code for finding in report.findings if finding.severity != "note"] == []
    assert report.is_healthy


def test_a_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example about a region finds a whole mesh well, and names a node that is missing."""
    region = RegionRelays(tmp_path, 2)
    with region.running(full(2)):
        (examined,) = asyncio.run(example("check_mesh")(region.derp_map(), region.mesh_key))
    assert examined.report.is_healthy
    assert capsys.readouterr().out.strip() == ""
    with region.running({0: [1]}):
        (examined,) = asyncio.run(example("check_mesh")(region.derp_map(), region.mesh_key))
    assert [finding.code for finding in examined.report.findings] == ["TH560"]


def test_its_machine(relay: RelayProcess) -> None:
    """The third example looks at the relay that runs with this state."""
    report = asyncio.run(example("check_machine")(relay.state_dir))
    assert report.subject == str(relay.state_dir)
    assert {"config", "listen"} <= {step.name for step in report.steps}


def test_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example about a log names the code of what its line means."""
    (tmp_path / "log").write_text(LOG)
    assert example("explain")(str(tmp_path / "log")) == ["TH006"]
    assert "region 912: failing" in capsys.readouterr().out


def test_a_choice(derp_map: DERPMap) -> None:
    """The example of netcheck chooses the one region there is, and measures its relay."""
    result = asyncio.run(example("choose")(derp_map))
    assert result.choice.region in derp_map.regions
    assert result.is_fine
    assert result.seen.nodes[0].relay_ns


def test_a_measurement(derp_map: DERPMap) -> None:
    """The example of the probe says loss and delay of the way through the relay."""
    (line,) = asyncio.run(example("measure")(map_targets(derp_map, ""), 0.5))
    assert re.search(r": [\d.]+ % lost, [\d.]+ ms on average", line), line


def test_a_policy(tmp_path: Path) -> None:
    """The example about files adds a region and leaves the rest as it is."""
    policy = tmp_path / "policy.hujson"
    policy.write_text(POLICY.replace('"acls": [],', '"acls": [],\n\t"derpMap": {"Regions": {}},'))
    (change,) = example("add_relay")(str(policy))
    assert "derp.example.com" in change
    text = policy.read_text()
    assert "// who may talk to whom" in text
    plain: Any = parse(text).plain()
    (region,) = plain["derpMap"]["Regions"].values()
    assert (region["RegionCode"], region["Nodes"][0]["DERPPort"]) == ("home", 8443)


def test_a_push(derp_map: DERPMap, tmp_path: Path) -> None:
    """The example of a push writes the relay's region into a file, once."""
    file = tmp_path / "derp.yaml"
    push = example("push")
    assert asyncio.run(push(derp_map, file, tmp_path)) is True
    assert "DERPPort" in file.read_text() or "derpport" in file.read_text()
    assert asyncio.run(push(derp_map, file, tmp_path)) is False
