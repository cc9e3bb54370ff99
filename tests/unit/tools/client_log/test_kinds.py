"""Lines of clients' logs, as real ones wrote them or, where that is said, as their source says they would."""

from __future__ import annotations

import pytest

from tailhub.findings import Language
from tailhub.findings.texts import REMARKS
from tailhub.tools.client_log import ClientLog, LogLine, read_client_log
from tailhub.tools.client_log.meaning import finding_of

RECV = (
    "2026/11/27 17:28:10 magicsock: [0xc0001] derp.Recv(derp-904): derphttp.Client.Recv connect to region 904 (r904): "
)
# Errors while connecting: what the client says, kind, code. Seen with tailscaled 1.102.5 on Linux.
ERRORS = [
    ("cert hash does not match expected cert hash", "pin", "TH014"),
    ("unexpected multiple certs presented", "pin_chain", "TH015"),
    ("cert expired 2026-11-26 17:28:04 +0000 UTC", "pin_expired", "TH016"),
    ("cert not yet valid until 2026-11-29 17:28:04 +0000 UTC; is your clock correct?", "early", "TH018"),
    (
        "x509: certificate has expired or is not yet valid: current time 2026-11-27T17:28:11Z is after "
        "2026-11-27T05:28:04Z",
        "expired",
        "TH017",
    ),
    (
        "x509: certificate has expired or is not yet valid: current time 2026-11-27T17:28:11Z is before "
        "2026-11-28T05:28:04Z",
        "early",
        "TH018",
    ),
    ("x509: certificate is valid for other.example, not relay.example", "other_name", "TH021"),
    ("x509: certificate is not valid for any names, but wanted to match relay.example", "other_name", "TH021"),
    (
        'cert does not match server name "relay.example": x509: certificate relies on legacy Common Name field, use '
        "SANs instead",
        "other_name",
        "TH021",
    ),
    (f"x509: certificate is valid for relay.example, not sha256:{'cf' * 32}", "pin_misspelt", "TH440"),
    (
        f"x509: certificate is not valid for any names, but wanted to match sha256:{'cf' * 32}",
        "pin_misspelt",
        "TH440",
    ),
    ("x509: certificate signed by unknown authority", "issuer", "TH435"),
    ("remote error: tls: internal error", "name_not_served", "TH436"),
    ("remote error: tls: protocol version not supported", "old_tls", "TH024"),
    ("tls: first record does not look like a TLS handshake", "no_tls", "TH012"),
    ("GET failed: <nil>: no relay here.", "page", "TH027"),
    ("GET failed: <nil>: 502 Bad Gateway", "gateway", "TH028"),
    ("dial tcp4 127.0.0.1:21017: connect: connection refused", "refused", "TH006"),
    ("context deadline exceeded", "filtered", "TH005"),
    ("dial tcp4 127.0.0.1:38583: i/o timeout", "filtered", "TH005"),
    (
        "context deadline exceeded: read tcp4 127.0.0.1:4->127.0.0.1:5: use of closed network connection",
        "silent",
        "TH438",
    ),
    ("dial tcp4: lookup nowhere.invalid on 10.255.255.53:53: no such host", "name", "TH001"),
    ("read tcp4 127.0.0.1:57198->127.0.0.1:36513: read: connection reset by peer", "reset", "TH011"),
    ("EOF", "closed_early", "TH439"),
    ("no non-STUNOnly nodes for region 904 (r904)", "no_relay", "TH441"),
    ("something that nobody has seen before", "other_error", "TH449"),
]
# The same from systems that the tests cannot run, as Go's and their own sources word them.
OTHER_SYSTEMS = [
    ("x509: “relay” certificate is not trusted", "issuer", "TH435"),
    ("x509: certificate name does not match input", "other_name", "TH021"),
    (
        "dial tcp4 192.0.2.1:443: connectex: No connection could be made because the target machine actively refused "
        "it.",
        "refused",
        "TH006",
    ),
    (
        "dial tcp 192.0.2.1:443: connectex: A connection attempt failed because the connected party did not properly "
        "respond after a period of time",
        "filtered",
        "TH005",
    ),
    ("dial tcp6 [2001:db8::1]:443: connect: network is unreachable", "no_way", "TH437"),
    ("dial tcp4 192.0.2.1:443: connect: no route to host", "no_way", "TH437"),
    ("remote error: tls: unrecognized name", "name_not_served", "TH436"),
    ("tls: server selected unsupported protocol version 302", "old_tls", "TH024"),
    ("dial tcp4: lookup relay.example: i/o timeout", "name", "TH001"),
    (
        "invalid response status from HTTP proxy http://10.0.0.1:3128 on CONNECT to relay.example:443: 403 Forbidden",
        "proxy",
        "TH457",
    ),
]
LINES = [
    ("netcheck: netcheck: UDP is blocked, trying HTTPS", "udp", "TH003", None),
    ("netcheck: UDP is blocked, trying ICMP", "udp", "TH003", None),
    (
        "health(warnable=derp-region-error): error: The relay server #903 is reporting an issue: Ask Ada.",
        "relay_says",
        "TH443",
        903,
    ),
    (
        "health(warnable=no-derp-connection): error: Tailscale could not connect to the relay server with ID '927'. "
        "Your Internet connection might be down, or the server might be temporarily unavailable.",
        "no_connection",
        "TH449",
        927,
    ),
    (
        "health(warnable=tls-connection-failed): error: Tailscale could not establish an encrypted connection with "
        "'\"\"': likely intercepted connection; certificate is self-signed by CN=relay",
        "self_signed",
        "TH023",
        None,
    ),
    (
        "health(warnable=not-in-map-poll): error: Unable to connect to the Tailscale coordination server to "
        "synchronize the state of your tailnet.",
        "control",
        "TH445",
        None,
    ),
    (
        "health(warnable=network-status): error: Tailscale cannot connect because the network is down.",
        "offline",
        "TH448",
        None,
    ),
    (
        'tlsdial: server cert seen while dialing "relay.example" looks like "Fortinet" equipment (could be blocking '
        "Tailscale)",
        "intercepted",
        "TH444",
        None,
    ),
    ("netcheck: DetectCaptivePortal(found=true)", "portal", "TH447", None),
    (
        'netcheck: netcheck: DNS lookup error for "relay.example" (node "909a" region 909): lookup relay.example on '
        "10.255.255.53:53: no such host",
        "unresolved",
        "",
        909,
    ),
    ('netcheck: netcheck.runProbe: named node "919a" has no v4 address', "unmeasured", "", None),
    ("magicsock: closing connection to derp-901 (derp-region-redefined), age 3h0m0s", "redefined", "", 901),
    ("magicsock: derp-901 does not know about peer [abcde], removing route", "absent", "", 901),
    ("magicsock: [0xc0001] derp.Recv(derp-902): derp.Recv: EOF", "not_let_in", "TH458", 902),
]
HARMLESS = [
    "health(warnable=warming-up): error: Tailscale is starting. Please wait.",
    "netcheck: DetectCaptivePortal(found=false)",
    'netcheck: netcheck.runProbe: named node "904a" has no v6 address',
    "magicsock: closing connection to derp-901 (idle), age 1m0s",
    "derphttp: CONNECT dial to relay.example:443: 200 OK",
    'control: NetInfo: NetInfo{varies= ipv6=false udp=true derp=#901 portmap= link=""}',
]


def read(*lines: str) -> ClientLog:
    return read_client_log(line.encode() + b"\n" for line in lines)


@pytest.mark.parametrize(("said", "name", "code"), ERRORS + OTHER_SYSTEMS)
def test_an_error_while_connecting_is_known(said: str, name: str, code: str) -> None:
    """Each thing that a client says when it gets no connection has its kind, its code and a text."""
    log = read(RECV + said)
    (line,) = log.found
    assert (line.name, line.code, line.region, line.said) == (name, code, 904, said)
    assert f"log_{name}" in REMARKS
    assert not log.is_healthy


@pytest.mark.parametrize(("text", "name", "code", "region"), LINES)
def test_a_line_is_known(text: str, name: str, code: str, region: int | None) -> None:
    """Each other line about relays has its kind, its code and a text."""
    (line,) = read("2026/11/27 17:28:10 " + text).found
    assert (line.name, line.code, line.region) == (name, code, region)
    assert f"log_{name}" in REMARKS


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "code", sorted({code for *_, code in ERRORS + OTHER_SYSTEMS} | {code for _, _, code, _ in LINES} - {""})
)
def test_each_code_is_explained(code: str, lang: Language) -> None:
    """Each code that a line may mean is there, and says what it means, what to do, and what it does to users."""
    finding = finding_of(LogLine("x", code, 900, 1, "", "", "so it says"))
    for text in (finding.means(lang), finding.remedy(lang), finding.now(lang)):
        assert text
        assert "[[" not in text


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_line_is_no_trouble(text: str) -> None:
    """What every client says, or what says that something works, is no finding."""
    assert read("2026/11/27 17:28:10 " + text).found == ()
