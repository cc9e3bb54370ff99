from __future__ import annotations

import pytest

from tailhub.derp.handshake import ClientInfo
from tailhub.keys import MeshKey
from tailhub.relay.admission import AdmissionPolicy

OURS = MeshKey(bytes(range(32)))


@pytest.mark.parametrize(
    ("ours", "shown", "is_mesh"),
    [
        (OURS, OURS, True),
        (OURS, MeshKey(OURS.raw), True),
        (OURS, MeshKey(bytes(32)), False),
        (OURS, MeshKey(OURS.raw[:-1] + b"\0"), False),
        (OURS, None, False),
        (None, OURS, False),
        (None, MeshKey(bytes(32)), False),
        (None, None, False),
    ],
)
def test_only_the_right_mesh_key_makes_a_mesh_peer(ours: MeshKey | None, shown: MeshKey | None, is_mesh: bool) -> None:
    """A client is a mesh peer if it shows the relay's mesh key; any other well-formed one makes a normal client."""
    assert AdmissionPolicy(ours).is_mesh_peer(ClientInfo(mesh_key=shown)) is is_mesh
