from __future__ import annotations

import pytest

from tailhub.exceptions import LocalError
from tailhub.keys import MeshKey, NodePrivate, NodePublic, short_key

RAW = bytes(range(32))
HEX = RAW.hex()


def test_node_keys_have_a_text_form() -> None:
    """A public key is written as ``nodekey:`` and hex, and read from it."""
    assert str(NodePublic(RAW)) == "nodekey:" + HEX
    assert NodePublic.parse("nodekey:" + HEX) == NodePublic(RAW)
    assert NodePublic.parse("nodekey:" + HEX.upper()) == NodePublic(RAW)


def test_private_keys_have_a_text_form() -> None:
    """A private key is written as ``privkey:`` and hex, and read from it."""
    assert NodePrivate(RAW).to_text() == "privkey:" + HEX
    assert NodePrivate.parse("privkey:" + HEX) == NodePrivate(RAW)


def test_mesh_keys_are_bare_hex() -> None:
    """A mesh key is 64 hex digits; white space around them is ignored."""
    assert MeshKey.parse(f"  {HEX}\n") == MeshKey(RAW)
    assert MeshKey(RAW).to_text() == HEX


@pytest.mark.parametrize(
    "text",
    ["", "nodekey:", HEX, "nodekey:" + HEX[:-1], "nodekey:" + HEX + "0", "nodekey:" + "g" * 64, "privkey:" + HEX,
     "nodekey:" + "٣" * 64, "NODEKEY:" + HEX],
)  # fmt: skip
def test_malformed_node_keys_are_refused(text: str) -> None:
    """What is not the prefix and 64 ASCII hex digits is no key."""
    with pytest.raises(LocalError, match="expected"):
        NodePublic.parse(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_lengths_are_checked(length: int) -> None:
    """Keys of any kind have 32 bytes."""
    for kind in (NodePublic, NodePrivate, MeshKey):
        with pytest.raises(LocalError, match=f"32 bytes, found {length}"):
            kind(bytes(length))


def test_secrets_are_never_shown() -> None:
    """Neither ``repr`` nor an error text carries a private or mesh key."""
    assert HEX not in repr(NodePrivate(RAW)) + str(NodePrivate(RAW))
    assert HEX not in repr(MeshKey(RAW)) + str(MeshKey(RAW))
    for parse, text in ((NodePrivate.parse, HEX), (NodePrivate.parse, f"privkey:{HEX}0"), (MeshKey.parse, HEX + "x")):
        with pytest.raises(LocalError) as caught:
            parse(text)
        assert HEX[8:] not in str(caught.value)


def test_short_form() -> None:
    """The short form is the first five characters of base64 in brackets, as in the reference's logs."""
    assert NodePublic(RAW).short == short_key(RAW) == "[AAECA]"
