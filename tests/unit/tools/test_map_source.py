"""Where maps are read from."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.made_maps import POLICY
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.tools.map_source import MAX_MAP_BYTES, TAILNET, MapText, form_of, is_file, is_tailnet, read_map_text

JSON = '{"Regions": {"900": {"RegionID": 900}}}'


def finding(name: str) -> Finding:
    """What is said of a source that has no map."""
    with pytest.raises(MachineError) as caught:
        read_map_text(name).derp_map()
    assert isinstance(caught.value.finding, Finding)
    return caught.value.finding


@pytest.mark.parametrize(
    ("text", "name", "form"),
    [
        (POLICY, "policy.hujson", "hujson"),
        (JSON, "-", "hujson"),
        ("// a\n" + JSON, "-", "hujson"),
        ("\ufeff" + JSON, "-", "hujson"),
        ("regions: {}\n", "-", "yaml"),
        ("# a\nregions: {}\n", "https://example.com/map", "yaml"),
        (JSON, "derp.yaml", "yaml"),
        ("regions: {}\n", "derp.json", "hujson"),
        ("", "derp.yml", "yaml"),
    ],
)
def test_the_form_is_told_by_the_name_or_by_how_it_begins(text: str, name: str, form: str) -> None:
    """A name that says nothing leaves it to the text."""
    assert form_of(text, name) == form


def test_a_file_is_read(tmp_path: Path) -> None:
    """In its own form; a byte order mark stays, for Tailscale refuses it."""
    path = tmp_path / "policy.hujson"
    path.write_bytes(b"\xef\xbb\xbf" + POLICY.encode())
    text = read_map_text(str(path))
    assert text == MapText("\ufeff" + POLICY, "hujson", str(path))
    assert finding(str(path)).code == "TH466"
    path.write_bytes(POLICY.encode())
    assert list(read_map_text(str(path)).derp_map().regions) == [912]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of a dash."""

    class Input:
        buffer = io.BytesIO(JSON.encode())

    monkeypatch.setattr("sys.stdin", Input())
    assert list(read_map_text("-").derp_map().regions) == [900]


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/map" else 404)
        self.end_headers()
        if self.path == "/map":
            self.wfile.write(JSON.encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """A web server with a map."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_url_is_read(server: str) -> None:
    """What it answers otherwise is told."""
    assert list(read_map_text(f"{server}/map").derp_map().regions) == [900]
    told = finding(f"{server}/other")
    assert (told.code, "404" in told.what() or "Not Found" in told.what()) == ("TH460", True)
    assert finding("http://[/").code == "TH460"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (f"echo '{JSON}'", ""),
        ("echo not logged in >&2; exit 1", "TH463"),
        ("echo no json", "TH463"),
        (None, "TH463"),
    ],
)
def test_the_map_of_this_machines_tailnet(
    script: str | None, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is asked of the Tailscale client, or it is said why it cannot be had. A script stands in for the client."""
    monkeypatch.setenv("PATH", str(tmp_path))
    if script is not None:
        program = tmp_path / "tailscale"
        program.write_text(f'#!/bin/sh\n[ "$*" = "debug derp-map" ] || exit 2\n{script}\n')
        program.chmod(0o755)
    if not code:
        assert list(read_map_text(TAILNET).derp_map().regions) == [900]
        return
    assert finding(TAILNET).code == code


def test_what_has_no_map_is_told(tmp_path: Path) -> None:
    """A file that there is not, one that is too long, and one about something else."""
    path = tmp_path / "a.json"
    assert finding(str(path)).code == "TH460"
    path.write_bytes(b" " * (MAX_MAP_BYTES + 1))
    assert "16 MiB" in finding(str(path)).what()
    path.write_text('{"acls": []}')
    assert finding(str(path)).code == "TH462"
    path.write_text('{"Regions": {"900": 1}}')
    assert finding(str(path)).code == "TH460"
    yaml = tmp_path / "a.yaml"
    yaml.write_text("a: b: c")
    assert "line 1, column 5" in finding(str(yaml)).what()


def test_one_of_several_clients_is_named_by_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program gets it as ``--socket``; a port makes a host of the name."""
    program = tmp_path / "tailscale"
    program.write_text("""#!/bin/sh\necho "{\\"Regions\\": {}, \\"Asked\\": \\"$*\\"}"\n""")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert '"--socket=/run/two.sock debug derp-map"' in read_map_text("tailnet:/run/two.sock").text
    assert '"debug derp-map"' in read_map_text(TAILNET).text
    assert [is_tailnet(name) for name in ("tailnet:8443", "tailnet:", "tailnets", "-")] == [False] * 4
    assert not is_file("tailnet:/run/two.sock")
