"""From the description of a region to the files of its nodes and the map."""

from __future__ import annotations

import shlex
import stat
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tailhub.certs.files import load_pair
from tailhub.exceptions import FindingError, MachineError, UsageError
from tailhub.findings import Finding
from tailhub.findings.catalogue import Severity
from tailhub.keys import MeshKey
from tailhub.server.mesh.peer_spec import parse_peer
from tailhub.settings.machine_checks import machine_findings
from tailhub.settings.merge import load
from tailhub.tailcfg.derpmap import DERPMap, parse_json
from tailhub.tools.region.description import RegionDescription
from tailhub.tools.region.example import EXAMPLE
from tailhub.tools.region.plan_directory import KeyWish, Outcome, load_description, plan_region

NOW = datetime(2026, 11, 27, tzinfo=UTC)
THREE = """
id = 901
code = "fra"
[settings]
drain_s = 10.0
[[node]]
name = "a"
host = "a.example.com"
private = "10.0.0.1"
[[node]]
name = "b"
host = "203.0.113.7"
port = 8443
stun_port = 3479
[[node]]
name = "d"
kind = "derper"
host = "198.51.100.44"
options = ["-verify-clients"]
"""


def described(directory: Path, text: str) -> RegionDescription:
    path = directory / "region.toml"
    path.write_text(text)
    plan, faults = load_description(path)
    assert faults == [], [str(fault) for fault in faults]
    return plan


def carried_out(directory: Path, text: str = THREE, wish: KeyWish = "keep") -> Outcome:
    return plan_region(described(directory, text), directory / "plan", wish, NOW)


def states(outcome: Outcome) -> dict[str, str]:
    return {file.path: file.state for file in outcome.files}


def changed(outcome: Outcome) -> set[str]:
    return {path for path, state in states(outcome).items() if state != "same"}


def config(directory: Path, node: str) -> dict[str, object]:
    return tomllib.loads((directory / "plan" / node / "tailhub.toml").read_text())


def mesh_keys(directory: Path, node: str = "") -> list[str]:
    return (directory / "plan" / node / "mesh.key").read_text().split()


def derp_map(directory: Path) -> DERPMap:
    return parse_json((directory / "plan" / "derpmap.json").read_text())


def fault_of(directory: Path, text: str) -> Finding:
    path = directory / "region.toml"
    path.write_text(text)
    _, faults = load_description(path)
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_example_can_be_carried_out(tmp_path: Path, lang: str) -> None:
    """The description that is printed as an example is sound in both languages, and says the same in them."""
    carried_out(tmp_path, EXAMPLE["zh" if lang == "zh" else "en"])
    assert tomllib.loads(EXAMPLE["en"]) == tomllib.loads(EXAMPLE["zh"])


def test_configurations_load_without_a_finding(tmp_path: Path) -> None:
    """The relay's own check has nothing to say against what the plan wrote for a tailhub, whose files are all there."""
    carried_out(tmp_path)
    for node in ("a", "b"):
        file = str(tmp_path / "plan" / node / "tailhub.toml")
        settings = load({"config": file}, {}, 1000, "linux")
        found = settings.findings() + machine_findings(settings.config())
        assert [one for one in found if one.severity is not Severity.NOTE] == []


def test_what_a_tailhub_is_told(tmp_path: Path) -> None:
    """It gets its listeners, its certificate, the region's id and more settings, and each other node with its pin."""
    outcome = carried_out(tmp_path)
    a, b = config(tmp_path, "a"), config(tmp_path, "b")
    assert (a["hostname"], a["acme"], a["listen"], a["stun_listen"]) == ("a.example.com", True, ":443", ":3478")
    assert (b["address"], b["cert"], b["listen"], b["stun_listen"]) == (["203.0.113.7"], "pinned.crt", ":8443", ":3479")
    assert a["region_id"] == b["region_id"] == 901
    assert a["drain_s"] == b["drain_s"] == 10.0
    peers = [parse_peer(str(text)) for text in b["mesh_with"]]  # type: ignore[attr-defined]
    assert [(one.host, one.port, one.dial_host, one.cert_name) for one in peers] == [
        ("a.example.com", 443, "10.0.0.1", ""),
        ("198.51.100.44", 443, "", outcome.pins["d"]),
    ]


def test_a_private_address_behind_another_port(tmp_path: Path) -> None:
    """Where others come by another port, a private address is dialled at the node's own one; derper cannot do that."""
    carried_out(tmp_path, THREE.replace("10.0.0.1", '10.0.0.1"\nlisten = ":18443'))
    peers = [parse_peer(str(text)) for text in config(tmp_path, "b")["mesh_with"]]  # type: ignore[attr-defined]
    assert (peers[0].host, peers[0].dial_host, peers[0].port) == ("a.example.com", "10.0.0.1", 18443)
    assert "-mesh-with a.example.com:443,203" in (tmp_path / "plan" / "d" / "derper.sh").read_text()


def test_what_a_derper_is_told(tmp_path: Path) -> None:
    """Its script has the command line, with peers as derper writes them and the pinned ones' certificates as CAs."""
    carried_out(tmp_path)
    place = tmp_path / "plan" / "d"
    script = (place / "derper.sh").read_text()
    words = shlex.split(script.splitlines()[-1])
    given = dict(zip(words[2::2], words[3::2], strict=False))
    assert given["-mesh-with"] == "a.example.com:443/10.0.0.1,203.0.113.7:8443"
    assert given["-mesh-psk-file"] == "mesh.key"
    assert words[-1] == "-verify-clients"
    assert "SSL_CERT_FILE=peers.crt" in script
    assert (place / "peers.crt").read_bytes() == (tmp_path / "plan" / "b" / "pinned.crt").read_bytes()
    assert load_pair(place / "certs" / "198.51.100.44.crt", place / "certs" / "198.51.100.44.key").self_signed
    assert (place / "derper.sh").stat().st_mode & stat.S_IXUSR


def test_the_map(tmp_path: Path) -> None:
    """One region has all nodes, with ports, STUN and the pins of the certificates that were made."""
    outcome = carried_out(tmp_path)
    assert outcome.notes == ()
    region = derp_map(tmp_path).regions[901]
    assert region is not None
    assert [(node.name, node.host_name, node.derp_port, node.stun_port) for node in region.nodes] == [
        ("901a", "a.example.com", 443, 3478),
        ("901b", "203.0.113.7", 8443, 3479),
        ("901d", "198.51.100.44", 443, 3478),
    ]
    assert [node.cert_name for node in region.nodes] == ["", outcome.pins["b"], outcome.pins["d"]]


def test_secrets_are_for_their_owner(tmp_path: Path) -> None:
    """Mesh keys and private keys can be read by their owner only, and their text is in nothing that is shown."""
    outcome = carried_out(tmp_path)
    secret = [path for path in (tmp_path / "plan").rglob("*") if path.suffix == ".key"]
    assert len(secret) == 4 + 2 + 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in secret)
    assert mesh_keys(tmp_path)[0] not in repr(outcome)


def test_a_node_behind_another_port(tmp_path: Path) -> None:
    """Where it listens elsewhere than others dial it, its configuration says both; STUN listens at the same host."""
    carried_out(tmp_path, THREE.replace("port = 8443", 'port = 8443\nlisten = "127.0.0.1:18443"'))
    b = config(tmp_path, "b")
    assert (b["listen"], b["public_port"], b["stun_listen"]) == ("127.0.0.1:18443", 8443, "127.0.0.1:3479")


# --- once more --------------------------------------------------------------------------------------------------------


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Run again, the plan writes no file: same keys, same pins, same bytes."""
    carried_out(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "plan").rglob("*") if path.is_file()}
    assert changed(carried_out(tmp_path)) == set()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_change_touches_what_it_is_about(tmp_path: Path) -> None:
    """A node with another private address changes who dials it, and nothing else; the lines are told."""
    carried_out(tmp_path)
    outcome = carried_out(tmp_path, THREE.replace("10.0.0.1", "10.0.0.9"))
    assert changed(outcome) == {"b/tailhub.toml", "d/derper.sh"}
    (file,) = [one for one in outcome.files if one.path == "b/tailhub.toml"]
    assert [line.strip() for line in file.difference] == [
        '-  "a.example.com:443/10.0.0.1",',
        '+  "a.example.com:443/10.0.0.9",',
    ]


def test_what_others_put_there_stays(tmp_path: Path) -> None:
    """Files of others in the plan's directories are left alone, and so is the directory of a node that has gone."""
    carried_out(tmp_path)
    note = tmp_path / "plan" / "a" / "notes.txt"
    note.write_text("mine")
    without_b = THREE[: THREE.index('[[node]]\nname = "b"')] + THREE[THREE.index('[[node]]\nname = "d"') :]
    outcome = carried_out(tmp_path, without_b)
    assert outcome.others == ("b",)
    assert note.read_text() == "mine"
    assert (tmp_path / "plan" / "b" / "pinned.key").exists()


def test_an_edited_file_is_not_overwritten(tmp_path: Path) -> None:
    """A configuration that somebody has changed by hand stops the plan before it writes anything; so does a map."""
    carried_out(tmp_path)
    path = tmp_path / "plan" / "b" / "tailhub.toml"
    path.write_text(path.read_text() + "quiet = true\n")
    with pytest.raises(MachineError) as error:
        carried_out(tmp_path, THREE.replace("10.0.0.1", "10.0.0.9"))
    assert name_of(error.value) == "region-file-in-the-way"
    assert "quiet = true" in path.read_text()
    assert "10.0.0.1" in (tmp_path / "plan" / "d" / "derper.sh").read_text()
    path.unlink()
    (tmp_path / "plan" / "derpmap.json").write_text('{"Regions": {"900": {}, "901": {}}}')
    with pytest.raises(MachineError, match=r"derpmap\.json"):
        carried_out(tmp_path)


def test_keys_that_are_there_are_taken(tmp_path: Path) -> None:
    """A mesh key that somebody has put into the directory, or that only a node's copy still has, is the region's."""
    key = MeshKey(bytes(range(32))).to_text()
    (tmp_path / "plan" / "d").mkdir(parents=True)
    (tmp_path / "plan" / "d" / "mesh.key").write_text(key + "\n")
    carried_out(tmp_path)
    assert mesh_keys(tmp_path) == mesh_keys(tmp_path, "a") == [key]


def test_a_pair_of_derpers_own_is_taken_over(tmp_path: Path) -> None:
    """A self-signed pair that a derper has used, put beside the node's files, keeps its pin."""
    carried_out(tmp_path)
    (tmp_path / "other").mkdir()
    certs, place = tmp_path / "plan" / "d" / "certs", tmp_path / "other" / "plan" / "d"
    place.mkdir(parents=True)
    for suffix in (".crt", ".key"):
        (place / f"198.51.100.44{suffix}").write_bytes((certs / f"198.51.100.44{suffix}").read_bytes())
    assert carried_out(tmp_path / "other").pins["d"] == carried_out(tmp_path).pins["d"]


# --- another mesh key -------------------------------------------------------------------------------------------------


def test_the_mesh_key_is_changed_in_two_steps(tmp_path: Path) -> None:
    """First every tailhub accepts both keys, a derper gets the new one; then the old one goes. Nothing else changes."""
    carried_out(tmp_path)
    (old,) = mesh_keys(tmp_path)
    outcome = carried_out(tmp_path, wish="new")
    assert changed(outcome) == {"mesh.key", "a/mesh.key", "b/mesh.key", "d/mesh.key"}
    new, second = mesh_keys(tmp_path)
    assert second == old != new
    assert mesh_keys(tmp_path, "a") == mesh_keys(tmp_path, "b") == [new, old]
    assert mesh_keys(tmp_path, "d") == [new]
    assert changed(carried_out(tmp_path)) == set()
    assert changed(carried_out(tmp_path, wish="drop")) == {"mesh.key", "a/mesh.key", "b/mesh.key"}
    assert mesh_keys(tmp_path) == mesh_keys(tmp_path, "a") == [new]


@pytest.mark.parametrize(("wishes", "last"), [((), "drop"), (("new",), "new")])
def test_a_step_out_of_turn_is_refused(tmp_path: Path, wishes: tuple[KeyWish, ...], last: KeyWish) -> None:
    """There is nothing to drop with one key, and no third one beside two."""
    carried_out(tmp_path)
    for wish in wishes:
        carried_out(tmp_path, wish=wish)
    before = mesh_keys(tmp_path)
    with pytest.raises(UsageError) as error:
        carried_out(tmp_path, wish=last)
    assert name_of(error.value) == "region-keys-changing"
    assert mesh_keys(tmp_path) == before


def test_a_key_file_with_something_else_is_left(tmp_path: Path) -> None:
    """A file of mesh keys that are none is an error, and stays as it is."""
    carried_out(tmp_path)
    (tmp_path / "plan" / "mesh.key").write_text("secret\n")
    with pytest.raises(MachineError) as error:
        carried_out(tmp_path)
    assert name_of(error.value) == "mesh-key-malformed"
    assert mesh_keys(tmp_path) == ["secret"]


def test_of_two_keys_none_is_lost(tmp_path: Path) -> None:
    """A region's key file that is lost comes back from a tailhub's, for a derper's has one key of two."""
    text = THREE.replace('name = "a"', 'name = "z"').replace('name = "d"', 'name = "a"')
    derper_first = text[: text.index("[[node]]")] + text[text.rindex("[[node]]") :]
    derper_first += text[text.index("[[node]]") : text.rindex("[[node]]")]
    carried_out(tmp_path, derper_first)
    carried_out(tmp_path, derper_first, "new")
    keys = mesh_keys(tmp_path)
    (tmp_path / "plan" / "mesh.key").unlink()
    assert carried_out(tmp_path, derper_first).keys == 2
    assert mesh_keys(tmp_path) == keys


def test_a_plan_that_is_whole_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it can be looked at where nothing may be changed; rights that are too wide are mended."""
    carried_out(tmp_path)
    key_file = tmp_path / "plan" / "mesh.key"
    key_file.chmod(0o644)
    carried_out(tmp_path)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    monkeypatch.setattr(Path, "chmod", lambda *_: pytest.fail("changed"))
    assert changed(carried_out(tmp_path)) == set()


@pytest.mark.parametrize("place", ["plan", "plan/a"])
def test_a_file_where_a_directory_is_to_be(tmp_path: Path, place: str) -> None:
    """It is named."""
    plan = described(tmp_path, THREE)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    with pytest.raises(MachineError) as error:
        plan_region(plan, tmp_path / "plan", "keep", NOW)
    assert name_of(error.value) == "no-plan-directory"
    assert str(tmp_path / place) in str(error.value)


# --- what is wrong with a description ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "name", "line"),
    [
        ("id = 901", "id = 89", "region-value-wrong", 2),
        ("id = 901", "", "region-key-missing", 1),
        ('code = "fra"', 'code = "fra"\ncolour = 1', "region-key-unknown", 4),
        ('private = "10.0.0.1"', 'privat = "10.0.0.1"', "region-key-unknown", 9),
        ('private = "10.0.0.1"', 'private = "10.0.0.1:8443"', "region-value-wrong", 9),
        ('host = "203.0.113.7"', 'host = "203.0.113.7:443"', "region-value-wrong", 12),
        ('host = "203.0.113.7"\n', "", "region-key-missing", 10),
        ('host = "203.0.113.7"', f'host = "{"a" * 200}!"', "region-value-wrong", 12),
        ('host = "203.0.113.7"', 'host = "203.0.113"', "region-value-wrong", 12),
        ('host = "203.0.113.7"', 'host = "bücher.example"', "region-value-wrong", 12),
        ('host = "203.0.113.7"', 'host = "b.example.com."', "region-value-wrong", 12),
        ('private = "10.0.0.1"', 'private = "0.0.0.0"', "region-value-wrong", 9),
        ("port = 8443", 'certificate = "files"\ncert = "/x.crt"\nkey = 3', "region-value-wrong", 15),
        ("port = 8443", 'port = "8443"', "region-value-wrong", 13),
        ("port = 8443", 'certificate = "none"', "region-value-wrong", 13),
        ("port = 8443", 'certificate = "files"\ncert = "/x.crt"', "region-key-missing", 10),
        ("port = 8443", "options = []", "region-key-of-other-kind", 13),
        ("port = 8443", 'restart = "ssh \'"', "region-value-wrong", 13),
        ("port = 8443", 'address = ["203.0.113.7", "203.0.113.8"]', "region-value-wrong", 13),
        ("port = 8443", "settings = { region_id = 7 }", "region-setting-planned", 11),
        ("port = 8443", f'certificate = "sha256-raw:{"ab" * 32}"', "derper-knows-no-pins", 11),
        ('name = "b"', 'name = "A"', "described-twice", 11),
        ("port = 8443", 'address = "203.0.113.8"', "region-value-wrong", 13),
        ("stun_port = 3479", "stun_port = 0", "region-value-wrong", 14),
        ('kind = "derper"', 'kind = "derper"\nquiet = true', "region-key-unknown", 18),
        ('kind = "derper"', 'kind = "derper"\ncertificate = "acme"\nport = 8443', "region-value-wrong", 19),
        ("drain_s = 10.0", 'drain_s = "soon"', "region-node-refused", 7),
        ("drain_s = 10.0", "drain_s =", "not-toml", 5),
    ],
)
def test_each_fault_is_named_at_its_place(tmp_path: Path, old: str, new: str, name: str, line: int) -> None:
    """What is wrong in a description is one finding with its line; nodes with the same fault say so each."""
    path = tmp_path / "region.toml"
    path.write_text(THREE.replace(old, new, 1))
    _, faults = load_description(path)
    assert {fault.name for fault in faults} == {name}
    place = faults[0].values.get("place", faults[0])
    assert getattr(place, "line", None) or faults[0].values["line"] == line
    if hasattr(place, "line"):
        assert (place.line, place.file) == (line, str(path))


def test_a_description_without_nodes(tmp_path: Path) -> None:
    """A region has nodes."""
    assert fault_of(tmp_path, 'id = 901\ncode = "fra"\n').name == "region-key-missing"


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ("node = 4\n", ["region-value-wrong"]),
        ("node = [1, 2]\n", ["region-value-wrong"]),
        ('[node]\nname = "a"\nhost = "a.example.com"\n', ["region-value-wrong"]),
        ("[[node]]\n[[node]]\n", ["region-key-missing"] * 4),
        ("\0", ["not-toml"]),
        ('[[node]]\nname = "../"\n' * 66, ["region-value-wrong"]),
    ],
)
def test_one_fault_is_told_once(tmp_path: Path, nodes: str, names: list[str]) -> None:
    """What is no node is not looked at as one, nodes without names are not alike, no TOML lacks nothing else.

    Of too many nodes each is not looked at.
    """
    path = tmp_path / "region.toml"
    path.write_text('id = 901\ncode = "fra"\n' + nodes)
    assert [fault.name for fault in load_description(path)[1]] == names


def name_of(error: FindingError) -> str:
    assert isinstance(error.finding, Finding)
    return error.finding.name
