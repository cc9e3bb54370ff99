"""``tailhub derpmap`` with relays that answer: what only they can tell.

| fault | how it is made | code |
| --- | --- | --- |
| STUN moved but STUNPort absent | a relay whose STUN is on 3479, and a map without the field | TH476 |
| DERPPort absent on an odd port | a relay on 8443, and a map without the field | TH479 |
| advertised port differs from the mapped one | a relay that is reached at 8443, and a map that says 443 | TH491 |

The relay and its ports are real. A container's port mapping is stood in for by what others see of it: nothing at the
port in the map, the relay at another one.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.relay_process import RelayProcess
from tailhub.cli.app import run
from tailhub.tailcfg.derpmap import parse_json
from tailhub.tailcfg.forms import policy_snippet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8")

# Nobody else's, though other tests run at the same time: the ports are those that people use.
HOST = f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}.7"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale that says English."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(scope="module")
def relay() -> Iterator[RelayProcess]:
    """A relay on 8443 with its STUN on 3479, which says so in its own map."""
    options = ("--listen", f"{HOST}:8443", "--stun-listen", f"{HOST}:3479", "--address", HOST)
    with RelayProcess(*options) as running:
        yield running


@pytest.fixture
def own_map(relay: RelayProcess) -> dict[str, Any]:
    """The relay's own map."""
    found: dict[str, Any] = json.loads(relay.get("/derpmap.json?view=public"))
    return found


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def tailhub(*words: str) -> Done:
    """Run a command to its end, in this process."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = run(list(words))
    return Done(code, out.getvalue(), error.getvalue())


def linted(path: Path, derp_map: dict[str, Any]) -> list[dict[str, Any]]:
    """What is found when the relay is asked too, without the note about pins."""
    path.write_text(json.dumps(derp_map, indent=2), encoding="utf-8")
    done = tailhub("derpmap", "lint", str(path), "--ask", "--json")
    assert done.stderr == ""
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return [one for one in found if one["code"] != "TH487"]


def node_of(derp_map: dict[str, Any]) -> dict[str, Any]:
    """The only node."""
    (region,) = derp_map["Regions"].values()
    (node,) = region["Nodes"]
    found: dict[str, Any] = node
    return found


def test_the_map_that_is_made_is_that_of_the_relay(relay: RelayProcess, own_map: dict[str, Any]) -> None:
    """Address, ports, pin and number, found by asking; the pin is to be compared on the relay first."""
    done = tailhub("derpmap", "make", HOST, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert node_of(made) == node_of(own_map)
    assert list(made["Regions"]) == list(own_map["Regions"])
    assert "compare on the relay first" in done.stderr.replace("\n", " ")


def test_its_own_map_has_no_fault(own_map: dict[str, Any], tmp_path: Path) -> None:
    """Nor has a policy with what it prints to paste."""
    assert linted(tmp_path / "map.json", own_map) == []
    policy = tmp_path / "policy.hujson"
    policy.write_text("{\n" + policy_snippet(parse_json(json.dumps(own_map))) + "\n}\n", encoding="utf-8")
    done = tailhub("derpmap", "lint", str(policy), "--ask")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("field", "value", "code", "port"),
    [
        ("STUNPort", None, "TH476", 3479),
        ("DERPPort", None, "TH479", 8443),
        ("DERPPort", 443, "TH491", 8443),
    ],
)
def test_a_port_that_the_relay_does_not_have(
    own_map: dict[str, Any], tmp_path: Path, field: str, value: int | None, code: str, port: int
) -> None:
    """Is named with the one that it has, and the command that is offered mends it."""
    path, node = tmp_path / "map.json", node_of(own_map)
    right = node.pop(field)
    if value is not None:
        node[field] = value
    (one,) = linted(path, own_map)
    assert (one["code"], one["values"]["port"]) == (code, port)
    command = one["remedy"][0].partition("`")[2].partition("`")[0]
    done = tailhub(*shlex.split(command)[1:])
    assert done.returncode == 0, done.stderr
    assert node_of(json.loads(path.read_text(encoding="utf-8")))[field] == right


def test_a_relay_is_added_to_a_policy_by_asking_it(relay: RelayProcess, tmp_path: Path) -> None:
    """In place, in one command."""
    policy = tmp_path / "policy.hujson"
    policy.write_text('// mine\n{\n\t"acls": [],\n}\n', encoding="utf-8")
    done = tailhub("derpmap", "add", str(policy), f"{HOST}:8443", "--region-name", "家里")
    assert done.returncode == 0, done.stderr
    text = policy.read_text(encoding="utf-8")
    assert text.startswith('// mine\n{\n\t"acls": [],\n\t"derpMap": {\n')
    assert tailhub("derpmap", "lint", str(policy), "--ask").returncode == 0


def test_nobody_there_is_told(tmp_path: Path) -> None:
    """A closed port, with what to do."""
    done = tailhub("derpmap", "make", f"{HOST}:444")
    assert done.returncode == 1
    assert "[TH468]" in done.stderr
    assert f"`tailhub doctor {HOST}:444`" in done.stderr
