"""STUN messages: RFC 5769's samples, what real servers sent, Tailscale's form, and bytes that are none of these."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tailhub.exceptions import LocalError, StunError
from tailhub.stun.message import (
    MAX_ANSWER_BYTES,
    MAX_UNKNOWN_LISTED,
    BindingRequest,
    answer,
    answer_request,
    binding_request,
    binding_response,
    is_stun,
    parse_request,
    parse_response,
    response_transaction_id,
)

TID = bytes(range(1, 13))
V4 = bytes((192, 0, 2, 1))
V6 = bytes.fromhex("20010db8123456780011223344556677")

# RFC 5769, sections 2.1 to 2.3.
RFC_TID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
RFC_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
RFC_RESPONSE_V4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599"
    "fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RFC_RESPONSE_V6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5"
    "bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)

# What servers on the Internet sent, as recorded in the tests of the reference.
RECORDED = {
    "google": (
        "0101000c2112a4422360b11e3ec68ffa93e08007002000080001c7866957856f",
        ("2360b11e3ec68ffa93e08007", "72.69.33.45", 59028),
    ),
    "sipgate: MAPPED-ADDRESS, then XOR-MAPPED-ADDRESS under its old number": (
        "010100442112a442482eb64715e8b28eaead6444000100080001e4ab4845212d000400080001"
        "2710d90a4498000500080001"
        "2711d9747a8a802000080001c5b96957856f80220010566f76696461"
        "2e6f726720302e393600",
        ("482eb64715e8b28eaead6444", "72.69.33.45", 58539),
    ),
    "powervoip: MAPPED-ADDRESS only": (
        "010100242112a4427e57966829f444609d1deaa6000100080001e9d34845212d0004000800010d964d48a9d40005000800010d974d48a9d5",
        ("7e57966829f444609d1deaa6", "72.69.33.45", 59859),
    ),
    "pion: bytes after the message": (
        "010100242112a442ebc2d36ef471217c4f3e308e8022000a656e64706f696e746572000000200008"
        "0001ce665e12a44380280004b699bb02010100242112a442",
        ("ebc2d36ef471217c4f3e308e", "127.0.0.1", 61300),
    ),
    "stuntman: IPv6": (
        "010100482112a44206f56685d28af3e69ce341e200010014000290ce260200d1b4cfc10038b231fffeef96f6802b001400020d96"
        "2604a880000200d10000000000c57001"
        "002000140002b1dc0710a493b23aa785ea38c219620cd714",
        ("06f56685d28af3e69ce341e2", "2602:d1:b4cf:c100:38b2:31ff:feef:96f6", 37070),
    ),
    "SOFTWARE of 1 byte and 3 of padding": (
        "010100142112a442ebc2d36ef471217c4f3e308e8022000161000000002000080001ce665e12a443",
        ("ebc2d36ef471217c4f3e308e", "127.0.0.1", 61300),
    ),
    "SOFTWARE of 3 bytes and 1 of padding": (
        "010100142112a442ebc2d36ef471217c4f3e308e8022000361626300002000080001ce665e12a443",
        ("ebc2d36ef471217c4f3e308e", "127.0.0.1", 61300),
    ),
    "derper: IPv4 in IPv6": (
        "010100182112a4424fd5d202dcb37d31fc773306002000140002cd3d2112a4424fd5d202dcb382ce2dc3fcc7",
        ("4fd5d202dcb37d31fc773306", "209.180.207.193", 60463),
    ),
}


def message(kind: int, *attributes: tuple[int, bytes], fingerprint: bool = False, tid: bytes = TID) -> bytes:
    """A message written the long way, so that the tests do not ask the code under test."""
    body = b"".join(struct.pack(">HH", k, len(v)) + v + bytes(-len(v) % 4) for k, v in attributes)
    length = len(body) + (8 if fingerprint else 0)
    data = struct.pack(">HHI", kind, length, 0x2112A442) + tid + body
    if fingerprint:
        data += struct.pack(">HHI", 0x8028, 4, crc32(data) ^ 0x5354554E)
    return data


def attributes(data: bytes) -> list[tuple[int, bytes]]:
    """The attributes of a message that must be well-formed."""
    assert int.from_bytes(data[2:4], "big") == len(data) - 20
    found, at = [], 20
    while at < len(data):
        kind, length = struct.unpack_from(">HH", data, at)
        found.append((kind, data[at + 4 : at + 4 + length]))
        at += 4 + length + (-length % 4)
    assert at == len(data)
    return found


def has_right_fingerprint(data: bytes) -> bool:
    return data[-8:-4] == b"\x80\x28\0\4" and int.from_bytes(data[-4:], "big") == crc32(data[:-8]) ^ 0x5354554E


TAILNODE = (0x8022, b"tailnode")


def test_tailscales_request() -> None:
    """Our request is byte for byte what Tailscale's clients send."""
    assert binding_request(TID) == message(1, TAILNODE, fingerprint=True)
    assert len(binding_request(TID)) == 40


def test_tailscales_request_is_recognised() -> None:
    """Tailscale's request is parsed as such, and so is one of its kind with more attributes."""
    assert parse_request(binding_request(TID)) == BindingRequest(TID, True, True, ())
    longer = message(1, (0x8099, b"abc"), TAILNODE, (0x802A, bytes(8)), fingerprint=True)
    assert parse_request(longer) == BindingRequest(TID, True, True, ())
    assert answer(longer, V4, 1) is None


@pytest.mark.parametrize(
    "data",
    [
        message(1),
        message(1, fingerprint=True),
        message(1, TAILNODE),
        message(1, (0x8022, b"tailnod"), fingerprint=True),
        message(1, (0x8022, b"tailnodes"), fingerprint=True),
    ],
    ids=["bare", "fingerprint only", "no fingerprint", "shorter name", "longer name"],
)
def test_other_requests_are_plain(data: bytes) -> None:
    """A request without SOFTWARE tailnode or without a fingerprint is plain, and none for the quick path."""
    request = parse_request(data)
    assert not request.is_tailnode
    assert answer(data, V4, 1) is None


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        (V4, "0101000c2112a442" + TID.hex() + "002000080001" + "2356" + "e112a643"),
        (bytes(10) + b"\xff\xff" + V4, "0101000c2112a442" + TID.hex() + "002000080001" + "2356" + "e112a643"),
        (
            V6,
            "010100182112a442"
            + TID.hex()
            + "002000140002"
            + "2356"
            + f"{int(V6.hex(), 16) ^ int('2112a442' + TID.hex(), 16):032x}",
        ),
    ],
    ids=["IPv4", "IPv4 in IPv6", "IPv6"],
)
def test_answer_to_tailscale(ip: bytes, expected: str) -> None:
    """Tailscale's request is answered with one XOR-MAPPED-ADDRESS and nothing else, mapped IPv4 as IPv4."""
    assert answer(binding_request(TID), ip, 0x0244) == bytes.fromhex(expected)
    assert answer_request(parse_request(binding_request(TID)), ip, 0x0244) == bytes.fromhex(expected)
    assert binding_response(TID, str(ip_address(ip)), 0x0244) == bytes.fromhex(expected)


def test_every_bit_of_tailscales_request_counts() -> None:
    """With any bit outside the transaction id flipped, or any byte missing, the quick path does not answer."""
    request = binding_request(TID)
    for bit in range(len(request) * 8):
        changed = bytearray(request)
        changed[bit // 8] ^= 1 << bit % 8
        assert answer(bytes(changed), V4, 1) is None
    for end in range(len(request)):
        assert answer(request[:end], V4, 1) is None
    assert answer(request + b"\0", V4, 1) is None


def test_rfc_5769_request() -> None:
    """The sample request of RFC 5769 has a right fingerprint and demands PRIORITY, which is ICE's."""
    assert parse_request(RFC_REQUEST) == BindingRequest(RFC_TID, False, True, (0x0024,))


@pytest.mark.parametrize(
    ("data", "ip"),
    [(RFC_RESPONSE_V4, "192.0.2.1"), (RFC_RESPONSE_V6, "2001:db8:1234:5678:11:2233:4455:6677")],
    ids=["2.2", "2.3"],
)
def test_rfc_5769_responses(data: bytes, ip: str) -> None:
    """The sample responses of RFC 5769 give the address and port that it names, and ours carry the same attribute."""
    assert parse_response(data) == (RFC_TID, ip, 32853)
    assert attributes(binding_response(RFC_TID, ip, 32853)) == attributes(data)[1:2]


@pytest.mark.parametrize(("data", "expected"), RECORDED.values(), ids=RECORDED)
def test_recorded_responses(data: str, expected: tuple[str, str, int]) -> None:
    """Responses recorded from servers on the Internet are understood as the reference understands them."""
    tid, ip, port = parse_response(bytes.fromhex(data))
    assert (tid.hex(), ip, port) == expected


def test_xor_mapped_address_counts_first() -> None:
    """XOR-MAPPED-ADDRESS is believed before MAPPED-ADDRESS, in whichever order they stand."""
    xor = attributes(binding_response(TID, "192.0.2.1", 5))[0]
    plain = (0x0001, b"\0\1\0\7" + bytes((198, 51, 100, 1)))
    assert parse_response(message(0x0101, xor, plain))[1:] == ("192.0.2.1", 5)
    assert parse_response(message(0x0101, plain, xor))[1:] == ("192.0.2.1", 5)
    assert parse_response(message(0x0101, plain))[1:] == ("198.51.100.1", 7)


@pytest.mark.parametrize(
    "data",
    [
        message(0x0101),
        message(0x0101, (0x0020, b"")),
        message(0x0101, (0x0020, b"\0\1\0")),
        message(0x0101, (0x0020, b"\0\1\0\0abc")),
        message(0x0101, (0x0020, b"\0\2\0\0" + bytes(15))),
        message(0x0101, (0x0020, b"\0\3\0\0" + bytes(16))),
        message(0x0001, (0x0020, b"\0\1\0\0" + bytes(4))),
        binding_response(TID, "192.0.2.1", 5)[:-1],
        b"",
    ],
    ids=["empty", "no value", "3 bytes", "short IPv4", "short IPv6", "family 3", "request", "cut", "nothing"],
)
def test_bad_responses(data: bytes) -> None:
    """A response without a whole address is a StunError."""
    with pytest.raises(StunError):
        parse_response(data)


def test_error_response() -> None:
    """An error response is a StunError that names the code and the server's reason, without control characters."""
    data = message(0x0111, (0x0009, b"\0\0\4\x01" + b"Un\x1bauthorized"))
    with pytest.raises(StunError, match="401 Unauthorized") as caught:
        parse_response(data)
    assert caught.value.reason == "error_response"
    with pytest.raises(StunError, match="without a code"):
        parse_response(message(0x0111))


@pytest.mark.parametrize("fingerprint", [False, True])
def test_plain_request_is_answered(fingerprint: bool) -> None:
    """A plain request gets its address; with a fingerprint exactly if it had one."""
    reply = answer_request(parse_request(message(1, fingerprint=fingerprint)), V6, 5)
    assert parse_response(reply) == (TID, str(ip_address(V6)), 5)
    assert [kind for kind, _ in attributes(reply)] == [0x0020] + [0x8028] * fingerprint
    assert has_right_fingerprint(reply) is fingerprint


@pytest.mark.parametrize("fingerprint", [False, True])
def test_unknown_required_attributes(fingerprint: bool) -> None:
    """What a plain request demands and we do not know is refused with 420 and the list of it, each type once."""
    data = message(1, (0x0003, bytes(4)), (0x7FFF, b""), (0x8001, b"x"), (0x0003, b""), fingerprint=fingerprint)
    reply = answer_request(parse_request(data), V4, 5)
    assert reply[:2] == b"\x01\x11"
    assert reply[4:20] == data[4:20]
    found = dict(attributes(reply))
    assert found[0x0009].startswith(b"\0\0\4\x14")
    assert found[0x000A] == b"\x00\x03\x7f\xff"
    assert (0x8028 in found) is fingerprint
    assert has_right_fingerprint(reply) is fingerprint


def test_unknown_attributes_of_tailscale() -> None:
    """Tailscale's request is answered whatever else stands in it, as the reference does."""
    data = message(1, (0x0003, bytes(4)), TAILNODE, fingerprint=True)
    assert parse_response(answer_request(parse_request(data), V4, 5)) == (TID, "192.0.2.1", 5)


def test_known_required_attributes() -> None:
    """RFC 8489's own attributes are understood, though they mean nothing here."""
    known = (0x0006, 0x0014, 0x0015, 0x001D, 0x001E, 0x0001, 0x0020, 0x0009, 0x000A)
    data = message(1, *((kind, b"value") for kind in known), (0x0008, bytes(20)), (0x001C, bytes(32)))
    assert parse_request(data).unknown_required == ()


def test_attributes_after_integrity() -> None:
    """What follows MESSAGE-INTEGRITY is ignored, but for the fingerprint."""
    data = message(1, (0x0008, bytes(20)), (0x0003, bytes(4)), fingerprint=True)
    assert parse_request(data) == BindingRequest(TID, False, True, ())


def test_error_answers_are_bounded() -> None:
    """A request that is full of unknown attributes gets the first of them listed, in a short answer."""
    data = message(1, *((kind, b"") for kind in range(0x0100, 0x0260)), fingerprint=True)
    reply = answer_request(parse_request(data), V6, 5)
    assert len(reply) <= MAX_ANSWER_BYTES
    assert len(dict(attributes(reply))[0x000A]) == 2 * MAX_UNKNOWN_LISTED


BARE = message(1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        BARE[:19],
        b"\x40" + BARE[1:],
        BARE[:4] + b"\x21\x12\xa4\x43" + BARE[8:],
        message(0x0011),
        message(0x0101),
        message(0x0111),
        message(0x0003),
        BARE + b"\0",
        BARE + bytes(4),
        message(1, (0x8022, b"abcd"))[:-1],
        BARE[:2] + b"\0\4" + BARE[4:] + b"\x80\x22\0\4",
        BARE[:2] + b"\0\3" + BARE[4:] + b"\x80\x22\0",
        message(1, fingerprint=True)[:-1] + b"\0",
        message(1, (0x8028, bytes(4)), TAILNODE),
        message(1, (0x8028, bytes(8))),
        message(1, (0x8028, b"")),
    ],
    ids=[
        "nothing",
        "19 bytes",
        "first bits not zero",
        "wrong cookie",
        "indication",
        "success response",
        "error response",
        "another method",
        "1 byte after it",
        "4 bytes after it",
        "cut",
        "attribute without its value",
        "attribute without its length",
        "wrong fingerprint",
        "fingerprint not last",
        "fingerprint of 8 bytes",
        "fingerprint of 0 bytes",
    ],
)
def test_bad_requests(data: bytes) -> None:
    """What is no well-formed Binding request is a StunError."""
    with pytest.raises(StunError):
        parse_request(data)
    assert answer(data, V4, 1) is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes(20), False),
        (b"\0\0\0\0\x21\x12\xa4\x42" + bytes(11), False),
        (b"\0\0\0\0\x21\x12\xa4\x42" + bytes(12), True),
        (b"\0\0\0\0\x21\x12\xa4\x42" + bytes(12) + b"foo", True),
        (b"\xf0\0\0\0\x21\x12\xa4\x42" + bytes(12), False),
        (b"\x40\0\0\0\x21\x12\xa4\x42" + bytes(12), False),
        (b"\x20\0\0\0\x21\x12\xa4\x42" + bytes(12), True),
        (b"", False),
    ],
)
def test_is_stun(data: bytes, expected: bool) -> None:
    """A STUN message is told by two zero bits, its length and the cookie."""
    assert is_stun(data) is expected


def test_response_transaction_id() -> None:
    """Success and error responses give their transaction id, requests and junk none."""
    assert response_transaction_id(message(0x0101)) == TID
    assert response_transaction_id(message(0x0111)) == TID
    assert response_transaction_id(message(0x0001)) is None
    assert response_transaction_id(b"junk") is None


@pytest.mark.parametrize(
    ("tid", "ip", "port"),
    [(bytes(11), "192.0.2.1", 1), (TID, "192.0.2.1", 65536), (TID, "192.0.2.1", -1), (TID, "example.com", 1)],
)
def test_local_errors(tid: bytes, ip: str, port: int) -> None:
    """A transaction id, port or address of our caller that cannot be is a LocalError."""
    with pytest.raises(LocalError):
        binding_response(tid, ip, port)


def test_local_error_in_a_request() -> None:
    """A transaction id of the wrong length is a LocalError."""
    with pytest.raises(LocalError):
        binding_request(bytes(16))


tids = st.binary(min_size=12, max_size=12)
ports = st.integers(0, 0xFFFF)
ips = st.ip_addresses()


@settings(derandomize=True, database=None)
@given(tids, ips, ports)
@example(TID, ip_address("::ffff:192.0.2.1"), 3478)
def test_answers_are_understood(tid: bytes, ip: object, port: int) -> None:
    """Any address and port come back out of the answer to them, IPv4-mapped ones as IPv4."""
    address = ip_address(str(ip))
    reply = answer(binding_request(tid), address.packed, port)
    assert reply is not None
    assert reply == binding_response(tid, str(address), port)
    mapped = getattr(address, "ipv4_mapped", None)
    assert parse_response(reply) == (tid, str(mapped or address), port)


kinds = st.one_of(st.sampled_from([0x0001, 0x0003, 0x0008, 0x001C, 0x0020, 0x8022, 0x8028]), st.integers(0, 0xFFFF))
values = st.one_of(st.just(b"tailnode"), st.binary(max_size=24))
messages = st.builds(
    lambda kind, attrs, fingerprint, tid: message(kind, *attrs, fingerprint=fingerprint, tid=tid),
    st.sampled_from([1, 1, 1, 0x0101, 0x0111, 0x0003]),
    st.lists(st.tuples(kinds, values), max_size=5),
    st.booleans(),
    tids,
)
raw = st.one_of(st.binary(max_size=80), messages, st.tuples(messages, st.integers(0, 80)).map(lambda m: m[0][: m[1]]))


@settings(derandomize=True, database=None)
@given(raw, st.sampled_from([V4, V6]))
@example(message(1, (0x0000, b"")), V4)
@example(message(1), V6)
def test_any_bytes(data: bytes, ip: bytes) -> None:
    """Any bytes are a request with a bounded answer, or a StunError; the quick path agrees with the slow one."""
    try:
        request = parse_request(data)
    except StunError:
        assert answer(data, ip, 1) is None
        return
    reply = answer_request(request, ip, 1)
    attributes(reply)
    assert len(reply) <= min(MAX_ANSWER_BYTES, 2.2 * len(data))
    assert not request.is_tailnode or len(reply) <= 1.1 * len(data)
    assert answer(data, ip, 1) in (None, reply)


@settings(derandomize=True, database=None)
@given(raw)
def test_any_bytes_as_response(data: bytes) -> None:
    """Any bytes are a response with an address, or a StunError."""
    try:
        tid, ip, port = parse_response(data)
    except StunError:
        return
    assert tid == response_transaction_id(data)
    ip_address(ip)
    assert 0 <= port <= 0xFFFF
