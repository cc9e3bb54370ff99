"""Vectors: RFC 7748 section 6.1 for the keys; "Cryptography in NaCl", section 10, for the box between them."""

from __future__ import annotations

import pytest

from tailhub import box
from tailhub.exceptions import HandshakeError
from tailhub.keys import NodePrivate

ALICE = NodePrivate(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
ALICE_PUBLIC = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
BOB = NodePrivate(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
BOB_PUBLIC = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
NONCE = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
TEXT = bytes.fromhex(
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f4"
    "1db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52"
    "f0a089bc76897040e082f937763848645e0705"
)
BOX = bytes.fromhex(
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b"
    "4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da"
    "99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5"
)

# All the points of small order on Curve25519 whose encoding is below 2^255 - 19, and one above (libsodium's list).
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize(("private", "public"), [(ALICE, ALICE_PUBLIC), (BOB, BOB_PUBLIC)])
def test_public_keys_are_x25519(private: NodePrivate, public: bytes) -> None:
    """A public key is the base point times the private key."""
    assert box.public_key(private).raw == public


def test_nacl_vector_opens_on_both_sides() -> None:
    """The box of the NaCl paper opens with either side's shared key."""
    for private, public in ((ALICE, BOB_PUBLIC), (BOB, ALICE_PUBLIC)):
        assert box.open_box(NONCE + BOX, box.shared_key(private, public)) == TEXT


def test_sealing_gives_the_nacl_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the paper's nonce, sealing the paper's text gives the paper's box behind the nonce."""
    monkeypatch.setattr("os.urandom", lambda length: NONCE[:length])
    assert box.seal(TEXT, box.shared_key(ALICE, BOB_PUBLIC)) == NONCE + BOX


@pytest.mark.parametrize("length", [0, 1, 1000])
def test_what_one_side_seals_the_other_opens(length: int) -> None:
    """A sealed text is longer by the fixed overhead, never twice the same, and opens to itself."""
    mine, other = box.generate(), box.generate()
    shared = box.shared_key(mine, box.public_key(other).raw)
    sealed = box.seal(bytes(length), shared)
    assert len(sealed) == length + box.OVERHEAD
    assert sealed != box.seal(bytes(length), shared)
    assert box.open_box(sealed, box.shared_key(other, box.public_key(mine).raw)) == bytes(length)


@pytest.mark.parametrize("at", [0, 23, 24, 39, 40, -1])
def test_a_changed_byte_keeps_the_box_shut(at: int) -> None:
    """A box with one bit changed, in nonce, tag or text, does not open."""
    sealed = bytearray(NONCE + BOX)
    sealed[at] ^= 1
    with pytest.raises(HandshakeError, match="does not open") as caught:
        box.open_box(bytes(sealed), box.shared_key(ALICE, BOB_PUBLIC))
    assert caught.value.reason == "bad_box"


@pytest.mark.parametrize("length", [0, 23, 39])
def test_a_short_box_is_refused(length: int) -> None:
    """What is shorter than nonce and tag is no box."""
    with pytest.raises(HandshakeError, match=f"found {length}"):
        box.open_box(bytes(length), box.shared_key(ALICE, BOB_PUBLIC))


@pytest.mark.parametrize("point", LOW_ORDER)
def test_public_keys_of_low_order_are_refused(point: str) -> None:
    """A public key whose shared secret anyone could compute gives no shared key."""
    with pytest.raises(HandshakeError, match="low order") as caught:
        box.shared_key(ALICE, bytes.fromhex(point))
    assert caught.value.reason == "bad_key"


def test_generated_keys_are_clamped_and_differ() -> None:
    """Generated keys are clamped as the reference's are, and each is new."""
    keys = [box.generate().raw for _ in range(20)]
    assert len(set(keys)) == 20
    assert all(raw[0] & 7 == 0 and raw[31] & 0xC0 == 0x40 for raw in keys)
