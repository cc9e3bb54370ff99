"""The commands of the how-to pages that need a container engine, run as they stand with podman. ``make image``."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

from support import require
from support.certificates import make_certificate
from support.engine import ADDRESS, Engine, EngineError
from support.how_to import blocks_for
from support.image import DEBIAN, ROOT, make_debian

pytestmark = pytest.mark.image

NAME = "derp.example.com"
_PIN = re.compile(r"sha256-raw:[0-9a-f]{64}")
_BUILD, _RUN = "docker build", "docker run -d"
# The container of before, on the relay's place: any program will do.
OLD = f"podman run -d --name derper --network host --stop-signal KILL --entrypoint sleep {DEBIAN} infinity"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages call a checkout."""
    directory = tmp_path_factory.mktemp("checkout")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, directory)
    for name in ("src", "deploy"):
        shutil.copytree(ROOT / name, directory / name)
    return directory


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[Engine]:
    """An engine that has the image, by the page's first command."""
    require.root("a container engine")
    work = tmp_path_factory.mktemp("engine")
    build = blocks_for(__file__, "containers.md")[0].splitlines()[0]
    assert build.startswith(_BUILD)
    try:
        make_debian(work / "debian")
        with Engine(work) as engine:
            engine.run(f"tar -C {work}/debian -c . | podman import - {DEBIAN}", work)
            engine.run(build, checkout)
            yield engine
    except (OSError, subprocess.SubprocessError, EngineError) as error:
        require.missing("engine", f"no container engine can be had here: {getattr(error, 'stderr', '') or error}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


@pytest.fixture
def engine(built: Engine, checkout: Path) -> Iterator[Engine]:
    """The engine with nothing but images, and a checkout without files of a user's."""
    yield built
    built.run("podman rm --all --force --time 0; podman volume prune --force", checkout)
    for name in ("certs", "state"):
        shutil.rmtree(checkout / "deploy" / "compose" / name, ignore_errors=True)


def put_certificate(directory: Path) -> None:
    """A pair in `directory`, root's alone."""
    made = make_certificate(dns_names=[NAME], issuer=make_certificate(common_name="A CA", is_ca=True))
    directory.mkdir()
    for name, data in (("fullchain.pem", made.pem), ("privkey.pem", made.key_pem)):
        (directory / name).write_bytes(data)
        (directory / name).chmod(0o600)


def test_start_and_state(engine: Engine, checkout: Path) -> None:
    """A relay is started, shows its log and map, and its state goes by export and import into another volume."""
    start, _, _, state = blocks_for(__file__, "containers.md")
    printed = engine.run(start.partition("\n")[2], checkout)
    assert "relay is listening" in printed
    (pin,) = set(_PIN.findall(printed))
    engine.run(state, checkout)
    again = "docker run --rm -v new:/var/lib/tailhub --entrypoint tailhub tailhub cert show"
    assert pin in engine.run(again, checkout)


def test_a_compose_file(engine: Engine, checkout: Path) -> None:
    """With certificates made readable by the page's command the compose file's relay starts and prints its map."""
    _, up, readable, _ = blocks_for(__file__, "containers.md")
    put_certificate(checkout / "deploy" / "compose" / "certs")
    engine.run(readable, checkout / "deploy" / "compose")
    printed = engine.run(up, checkout)
    assert f'"HostName": "{NAME}"' in printed
    assert not _PIN.search(printed)


def test_in_place_of_a_wrapper_image(engine: Engine, checkout: Path) -> None:
    """The old container ends, and the compose file's relay serves its certificate, still root's, in its place."""
    wrapper, _ = blocks_for(__file__, "from-derper.md")
    compose = checkout / "deploy" / "compose"
    put_certificate(compose / "certs")
    (compose / "state").mkdir()
    engine.run(OLD, checkout)
    printed = engine.run(wrapper, checkout)
    assert "relay is listening" in printed
    assert NAME in printed
    assert engine.run("podman ps --format {{.Image}}", checkout).split() == ["localhost/tailhub:latest"]
    assert (compose / "state" / "derper.key").exists()


def test_in_place_of_ip_derper(engine: Engine, checkout: Path) -> None:
    """The old container ends, and the map that the new one prints has its address and a pin."""
    _, ip_derper = blocks_for(__file__, "from-derper.md")
    engine.run(OLD, checkout)
    printed = engine.run(ip_derper, checkout)
    assert f'"HostName": "{ADDRESS}"' in printed
    assert _PIN.search(printed)
    assert engine.run("podman ps --format {{.Names}}", checkout).split() == ["tailhub"]


@contextmanager
def local_api(path: Path) -> Iterator[list[str]]:
    """A socket on which something answers as a tailscaled does that knows nobody; what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status = self.path.startswith("/localapi/v0/status")
            body = b'{"Version": "1.102.5", "BackendState": "Running", "Self": {}, "Peer": {}}' if status else b""
            self.send_response(200 if status else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return ""

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its parent's name
            pass

    with ThreadingUnixStreamServer(str(path), Handler) as server:
        path.chmod(0o666)  # as tailscaled's
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
            path.unlink()


def test_the_tailnet_of_the_machine(engine: Engine, checkout: Path) -> None:
    """The relay in the container reaches the socket in the mounted directory, also one that is made anew there.

    What answers there stands in for tailscaled; `tests/interop/test_how_to_go.py` has a real one.
    """
    (run,) = blocks_for(__file__, "who-may-relay.md")
    check = "docker exec tailhub tailhub config check --verify-tailscaled"
    socket = engine.tailscale / "tailscaled.sock"
    with local_api(socket) as asked:
        engine.run(run, checkout)
        assert asked
    with local_api(socket) as asked:
        engine.run(check, checkout)
        assert asked
