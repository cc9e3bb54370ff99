"""Our client against our relay, in a process of its own: what the client must be able to do with any relay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.client_checks import CHECKS, Check, RelayUnderTest
from support.relay_process import RelayProcess
from support.scripted_relay import run
from tailhub.keys import MeshKey

MESH_KEY = MeshKey(b"\xab" * 32)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayUnderTest]:
    mesh_key_file = tmp_path_factory.mktemp("relay") / "mesh.key"
    mesh_key_file.write_text(MESH_KEY.to_text() + "\n")
    mesh_key_file.chmod(0o600)
    with RelayProcess("--mesh-key-file", str(mesh_key_file)) as process:
        yield RelayUnderTest("127.0.0.1", process.port, process.pin, MESH_KEY)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_client_with_tailhub(relay: RelayUnderTest, check: Check) -> None:
    """Our client gets from our relay what each check asks for."""
    run(check(relay))
