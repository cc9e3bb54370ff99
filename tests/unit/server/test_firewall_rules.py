"""What a firewall's rules do with a new connection from outside."""

from __future__ import annotations

import json

import pytest

from tailhub.server.firewall_rules import Packet, Verdict, iptables_passage, nft_passage, tailnet_rule

TCP, UDP = Packet("tcp", 8443, interface="eth0"), Packet("udp", 3478, interface="eth0")
ACCEPT, DROP, UNKNOWN = Verdict.ACCEPT, Verdict.DROP, Verdict.UNKNOWN


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"nftables": [{"chain": 1}]}', '{"nftables": [{}]}'])
def test_what_nobody_understands_is_unknown(text: str) -> None:
    """Rules in another form are not taken for open or closed."""
    assert nft_passage(text, TCP).verdict is UNKNOWN


def test_chains_that_lead_in_a_circle_end() -> None:
    """The kernel refuses such chains; a made-up text with them ends all the same."""
    base = {"family": "inet", "table": "t", "name": "a", "hook": "input", "type": "filter"}
    rule = {"family": "inet", "table": "t", "chain": "a", "expr": [{"jump": {"target": "a"}}]}
    text = json.dumps({"nftables": [{"chain": base}, {"rule": rule}]})
    assert nft_passage(text, TCP).verdict is UNKNOWN
    assert iptables_passage("-P INPUT DROP\n-N a\n-A INPUT -j a\n-A a -j a\n", TCP).verdict is UNKNOWN


@pytest.mark.parametrize(
    ("rules", "tcp", "udp"),
    [
        ("-P INPUT ACCEPT", ACCEPT, ACCEPT),
        ("-P INPUT DROP", DROP, DROP),
        ("-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 8443 -j ACCEPT", ACCEPT, DROP),
        ("-P INPUT DROP\n-A INPUT -p udp -m multiport --dports 53,3400:3500 -j ACCEPT", DROP, ACCEPT),
        ("-P INPUT DROP\n-A INPUT -i lo -j ACCEPT", DROP, DROP),
        ("-P INPUT DROP\n-A INPUT -i eth+ -j ACCEPT", ACCEPT, ACCEPT),
        ("-P INPUT DROP\n-A INPUT ! -i eth0 -j ACCEPT", DROP, DROP),
        ("-P INPUT DROP\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", DROP, DROP),
        ("-P INPUT DROP\n-A INPUT -s 192.0.2.0/24 -j ACCEPT", UNKNOWN, UNKNOWN),
        ("-P INPUT ACCEPT\n-A INPUT -s 192.0.2.0/24 -j DROP", ACCEPT, ACCEPT),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp ! --dport 22 -j DROP", DROP, ACCEPT),
        (
            "-P INPUT ACCEPT\n-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p icmp -j ACCEPT\n"
            "-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT\n"
            "-A INPUT -j REJECT --reject-with icmp-host-prohibited",  # as some clouds' images come
            DROP,
            DROP,
        ),
        (
            "-P INPUT DROP\n-N ufw-user-input\n-N ufw-before\n-A INPUT -j ufw-before\n"
            "-A ufw-before -m addrtype --dst-type LOCAL -j RETURN\n-A ufw-before -j DROP\n-A INPUT -j ufw-user-input\n"
            "-A ufw-user-input -p tcp -m tcp --dport 8443 -j ACCEPT",  # as ufw builds its chains
            ACCEPT,
            DROP,
        ),
        ("-P INPUT DROP\n-N a\n-A INPUT -s 192.0.2.1 -j a\n-A a -p tcp -j ACCEPT", UNKNOWN, DROP),
        ("-P INPUT ACCEPT\n-N a\n-A INPUT -g a\n-A INPUT -j DROP\n-A a -p udp -j DROP", ACCEPT, DROP),
        ('-P INPUT DROP\n-A INPUT -p tcp -m comment --comment "our relay" -j ACCEPT', ACCEPT, DROP),
        ('-P INPUT DROP\n-A INPUT -m comment --comment "half', UNKNOWN, UNKNOWN),
    ],
)
def test_iptables(rules: str, tcp: Verdict, udp: Verdict) -> None:
    """A packet goes through iptables' chains as the kernel would lead it."""
    assert iptables_passage(rules, TCP).verdict is tcp
    assert iptables_passage(rules, UDP).verdict is udp


def test_families_have_their_own_rules() -> None:
    """A table for IPv4 says nothing of IPv6."""
    text = json.dumps(
        {
            "nftables": [
                {
                    "chain": {
                        "family": "ip",
                        "table": "t",
                        "name": "i",
                        "hook": "input",
                        "type": "filter",
                        "policy": "drop",
                    }
                }
            ]
        }
    )
    assert nft_passage(text, TCP).verdict is DROP
    assert nft_passage(text, Packet("tcp", 8443, 6)).verdict is ACCEPT


def test_the_rule_of_tailscaled() -> None:
    """Its rule is found in the words of either tool, and other rules of its chains are not taken for it."""
    rule = "-A ts-input -s 100.64.0.0/10 ! -i tailscale0 -j DROP"
    others = "-A ts-input -s 100.115.92.0/23 ! -i tailscale0 -j RETURN\n-A INPUT -s 100.64.0.0/10 -j DROP\n"
    assert tailnet_rule(others + rule, "") == rule
    assert tailnet_rule(others, "") == ""
