"""The keys of a relay's own probe."""

from __future__ import annotations

from tailhub import box
from tailhub.derp.handshake import ClientInfo
from tailhub.keys import MeshKey, NodePrivate
from tailhub.relay.admission import AdmissionPolicy
from tailhub.server.probe_key import RECEIVERS, SLOTS, admitted_keys, receiver_key, sender_key

BASE = NodePrivate(bytes(range(1, 33)))
MESH = MeshKey(bytes(32))


def test_ends_are_different() -> None:
    """Each end of each probe has a key of its own, and all of them, with the file's, are admitted."""
    ends = [sender_key(BASE, slot) for slot in range(SLOTS)]
    ends += [receiver_key(BASE, slot, node) for slot in range(SLOTS) for node in range(RECEIVERS)]
    public = {box.public_key(key).raw for key in (BASE, *ends)}
    assert len(public) == 1 + SLOTS * (1 + RECEIVERS)
    assert admitted_keys(BASE) == public


def test_keys_stay() -> None:
    """What a relay was told once holds: the same file gives the same keys for ever."""
    keys = [str(box.public_key(key)) for key in (sender_key(BASE), receiver_key(BASE))]
    assert keys == [
        "nodekey:df227015ce1f6cf5cb0c05f915e53d78697ec5b7938a5fec21f41101eabb7d5f",
        "nodekey:6edfb7f2a6c73cb7e2ed945c63a9a5dbd083cb4df40ce12141cd406eba5b774c",
    ]


def test_others_have_others() -> None:
    """Another file gives other keys."""
    assert not admitted_keys(BASE) & admitted_keys(NodePrivate(bytes(range(2, 34))))


def test_a_mesh_peer_is_one() -> None:
    """Who shows the mesh key is a mesh peer, whatever its own key; nobody else's key makes a probe."""
    policy = AdmissionPolicy((MESH,), probe_keys=admitted_keys(BASE))
    own, other = box.public_key(sender_key(BASE)).raw, bytes(32)
    assert policy.is_own_probe(own, ClientInfo())
    assert not policy.is_own_probe(own, ClientInfo(mesh_key=MESH))
    assert not policy.is_own_probe(other, ClientInfo(is_prober=True))
    assert not AdmissionPolicy().is_own_probe(own, ClientInfo())
