"""The note about a relay's listeners in its state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailhub.server.config import ListenerConfig
from tailhub.server.listener_record import LISTENERS, describe_listeners, origin_of, read_elsewhere, read_listeners

ALL = [
    (ListenerConfig(), "pinned"),
    (ListenerConfig(pin="2036", listen=":8444", public_port=443, hostname="derp.example.com"), "pinned"),
    (ListenerConfig(cert=Path("/a/c.pem"), key=Path("/a/k.pem")), "files"),
    (ListenerConfig(cert_dir=Path("/certs"), acme=True), "directory"),
    (ListenerConfig(acme=True), "acme"),
    (ListenerConfig(tls=False, acme=True), "none"),
]


def test_there_and_back(tmp_path: Path) -> None:
    """What is noted about each listener is read again: ports, name, and where the certificate comes from."""
    (tmp_path / LISTENERS).write_bytes(describe_listeners([one for one, _ in ALL], range(8443, 8449)))
    records = read_listeners(tmp_path)
    assert [record.origin for record in records] == [origin for _, origin in ALL]
    assert [origin_of(one) for one, _ in ALL] == [origin for _, origin in ALL]
    assert [record.port for record in records] == list(range(8443, 8449))
    assert (records[1].public_port, records[1].pin, records[1].hostname) == (443, "2036", "derp.example.com")
    assert (records[2].cert, records[2].key) == ("/a/c.pem", "/a/k.pem")
    assert records[3].cert_dir == "/certs"


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is noted as what it means at the start."""
    monkeypatch.chdir(tmp_path)
    value = json.loads(describe_listeners([ListenerConfig(cert=Path("c.pem"), key=Path("k.pem"))], [1]))
    assert value["listeners"][0]["cert"] == str(tmp_path / "c.pem")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"listeners": 7}', '{"listeners": ["x"]}', "[" * 100_000, "\x00"]
)
def test_a_note_that_is_none(tmp_path: Path, text: str) -> None:
    """A note that is damaged tells nothing, and is no error."""
    (tmp_path / LISTENERS).write_text(text)
    assert read_listeners(tmp_path) == []


def test_an_entry_of_a_later_version(tmp_path: Path) -> None:
    """Entries with an unknown origin or without a value are left out, unknown values are not minded."""
    value = json.loads(describe_listeners([ListenerConfig(), ListenerConfig(), ListenerConfig()], [1, 2, 3]))
    value["listeners"][0]["origin"] = "quantum"
    del value["listeners"][1]["pin"]
    value["listeners"][2]["more"] = []
    (tmp_path / LISTENERS).write_text(json.dumps(value))
    assert [record.port for record in read_listeners(tmp_path)] == [3]


def test_files_that_are_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files outside the state are noted by name of the setting, as absolute paths; what is damaged is left out."""
    monkeypatch.chdir(tmp_path)
    files = {"key_file": Path("relay.key"), "mesh_key_file": None}
    (tmp_path / LISTENERS).write_bytes(describe_listeners([ListenerConfig()], [1], files))
    assert read_elsewhere(tmp_path) == {"key_file": tmp_path / "relay.key"}
    assert len(read_listeners(tmp_path)) == 1
    for odd in ('{"elsewhere": []}', '{"elsewhere": {"key_file": 1, "x": ""}}', "[]"):
        (tmp_path / LISTENERS).write_text(odd)
        assert read_elsewhere(tmp_path) == {}


def test_no_note(tmp_path: Path) -> None:
    """Where no relay has run there is no note."""
    assert read_listeners(tmp_path) == []
