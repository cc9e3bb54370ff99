"""What nftables' rules do with a new connection, from what nft itself prints of them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from support import require
from tailhub.server.firewall_rules import Packet, Passage, Verdict, nft_passage

TCP, UDP = Packet("tcp", 8443, interface="eth0"), Packet("udp", 3478, interface="eth0")
ACCEPT, DROP, UNKNOWN = Verdict.ACCEPT, Verdict.DROP, Verdict.UNKNOWN

# nft's own language: what it says of these as JSON is asked of nft itself, in a namespace.
NFT: dict[str, tuple[str, Verdict, Verdict]] = {
    "nothing": ("", ACCEPT, ACCEPT),
    "policy": ("policy drop;", DROP, DROP),
    "port": ("policy drop; tcp dport 8443 accept", ACCEPT, DROP),
    "range": ("policy drop; udp dport 3000-4000 accept", DROP, ACCEPT),
    "set": ("policy drop; tcp dport { 22, 8000-9000 } accept", ACCEPT, DROP),
    "named set": ("policy drop; tcp dport @open accept", ACCEPT, DROP),
    "th": ("policy drop; meta l4proto { tcp, udp } th dport { 8443, 3478 } accept", ACCEPT, ACCEPT),
    "protocol": ("policy drop; meta l4proto udp accept", DROP, ACCEPT),
    "last rule": ("tcp dport 8443 accept; reject", ACCEPT, DROP),
    "loopback": ('policy drop; iifname "lo" accept', DROP, DROP),
    "interface": ('policy drop; iifname "eth0" tcp dport 8443 accept', ACCEPT, DROP),
    "other interface": ('policy drop; iifname "eth1" accept', DROP, DROP),
    "any interface": ('policy drop; iifname "eth*" accept', ACCEPT, ACCEPT),
    "state": ("policy drop; ct state established,related accept; ct state invalid drop", DROP, DROP),
    "new": ("policy drop; ct state new tcp dport 8443 accept", ACCEPT, DROP),
    "verdict map": ("policy drop; ct state vmap { established : accept, new : jump ports }", ACCEPT, DROP),
    "port map": ("policy drop; tcp dport vmap { 22 : accept, 8443 : accept }", ACCEPT, DROP),
    "jump": ("policy drop; jump ports", ACCEPT, DROP),
    "goto": ("policy drop; goto ports; accept", ACCEPT, DROP),
    "sender": ("policy drop; ip saddr 192.0.2.0/24 accept", UNKNOWN, UNKNOWN),
    "bad sender": ("ip saddr 192.0.2.0/24 drop", ACCEPT, ACCEPT),
    "limited": ("policy drop; tcp dport 8443 limit rate 10/second accept", UNKNOWN, DROP),
    "counted": ("policy drop; tcp dport 8443 counter log accept", ACCEPT, DROP),
    "other ports": ("tcp dport != 22 drop", DROP, ACCEPT),
}


@pytest.fixture(scope="module")
def rulesets() -> dict[str, str]:
    """What nft prints of each, as JSON."""
    found = {}
    if shutil.which("nft") is None:
        require.missing("netns", "no nft (Debian: nftables)")
    with require.network_namespace() as namespace:
        for name, (rules, _, _) in NFT.items():
            text = (
                "flush ruleset\ntable inet filter { set open { type inet_service; elements = { 22, 8443 }; }\n"
                "chain ports { tcp dport 8443 accept; }\n"
                f"chain input {{ type filter hook input priority 0; {rules}\n}}\n}}\n"
            )
            subprocess.run([*namespace.prefix, "nft", "-f", "-"], input=text, text=True, check=True)
            listed = [*namespace.prefix, "nft", "-j", "list", "ruleset"]
            found[name] = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    return found


@pytest.mark.parametrize("name", NFT)
def test_nft(rulesets: dict[str, str], name: str) -> None:
    """A packet goes through nft's chains as the kernel would lead it."""
    _, tcp, udp = NFT[name]
    assert nft_passage(rulesets[name], TCP).verdict is tcp
    assert nft_passage(rulesets[name], UDP).verdict is udp


def test_the_chain_that_refuses_is_named(rulesets: dict[str, str]) -> None:
    """Whoever opens the port must know in which chain."""
    assert nft_passage(rulesets["policy"], TCP) == Passage(DROP, "inet filter input")
    assert nft_passage(rulesets["policy"], TCP, ["inet filter"]) == Passage(ACCEPT)
