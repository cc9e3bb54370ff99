"""Seeing which firewall is there, and the commands that open ports in it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tailhub.server.firewall import (
    Firewall,
    FirewallKind,
    detect,
    dropping_chain,
    dropping_chain_of_file,
    iptables_drops,
    open_commands,
    run_tool,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def _write(root: Path, name: str, text: str = "") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def _tools(**outputs: str) -> Callable[[Sequence[str]], str | None]:
    return lambda command: outputs.get(command[0])


def _nft(*items: dict[str, Any]) -> str:
    return json.dumps({"nftables": [{"metainfo": {"version": "1.0.6"}}, *items]})


def _chain(policy: str, hook: str = "input", kind: str = "filter") -> dict[str, Any]:
    return {
        "chain": {"family": "inet", "table": "filter", "name": "input", "type": kind, "hook": hook, "policy": policy}
    }


def _rule(*expr: dict[str, Any]) -> dict[str, Any]:
    return {"rule": {"family": "inet", "table": "filter", "chain": "input", "expr": list(expr)}}


ACCEPT_SSH = _rule({"match": {"op": "==", "right": 22}}, {"accept": None})


@pytest.mark.parametrize(
    ("ruleset", "chain"),
    [
        (_nft(), ""),
        (_nft(_chain("accept")), ""),
        (_nft(_chain("drop", hook="forward")), ""),
        (_nft(_chain("drop", kind="nat")), ""),
        (_nft(_chain("drop"), ACCEPT_SSH), "inet filter input"),
        (_nft(_chain("accept"), ACCEPT_SSH), ""),
        (_nft(_chain("accept"), ACCEPT_SSH, _rule({"counter": {}}, {"reject": {}})), "inet filter input"),
        (_nft(_chain("accept"), ACCEPT_SSH, _rule({"match": {}}, {"drop": None})), ""),
        ("not JSON", ""),
        ('{"nftables": [{"chain": 7}]}', ""),
    ],
)
def test_dropping_chain(ruleset: str, chain: str) -> None:
    """An input chain refuses by its policy or by a last rule without a condition."""
    assert dropping_chain(ruleset) == chain


@pytest.mark.parametrize(
    ("rules", "drops"),
    [
        ("", False),
        ("-P INPUT ACCEPT\n", False),
        ("-P INPUT DROP\n", True),
        (":INPUT DROP [0:0]\n", True),
        (":FORWARD DROP [0:0]\n:INPUT ACCEPT [0:0]\n", False),
        ("-P INPUT ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n", False),
        (
            ":INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with x\n",
            True,
        ),
        ("-P INPUT ACCEPT\n-A INPUT -s 192.0.2.1/32 -j DROP\n", False),
    ],
)
def test_iptables_drops(rules: str, drops: bool) -> None:
    """The INPUT chain of iptables refuses by its policy or by its last rule."""
    assert iptables_drops(rules) is drops


NFTABLES_CONF = """\
#!/usr/sbin/nft -f
flush ruleset
# chain input { type filter hook input priority 0; policy drop; }
table inet filter {
    chain output { type filter hook output priority 0; policy accept; }
    chain input {
        type filter hook input priority 0; policy drop;
        tcp dport 22 accept
    }
}
"""


def test_nftables_file() -> None:
    """A file for nft shows its dropping input chain, comments left out."""
    assert dropping_chain_of_file(NFTABLES_CONF) == "inet filter input"
    assert dropping_chain_of_file(NFTABLES_CONF.replace("policy drop", "policy accept")) == ""
    assert dropping_chain_of_file("") == ""


def test_nothing_found(tmp_path: Path) -> None:
    """A machine without any of these has no firewall to name, and nothing is printed."""
    assert detect(tmp_path, _tools()) is None
    assert open_commands(None, [8443], [3478]) == []


def test_ufw(tmp_path: Path) -> None:
    """Ufw counts when its configuration enables it."""
    _write(tmp_path, "etc/ufw/ufw.conf", "# comment\nENABLED=no\nLOGLEVEL=low\n")
    assert detect(tmp_path, _tools()) is None
    _write(tmp_path, "etc/ufw/ufw.conf", "# comment\nENABLED=yes\nLOGLEVEL=low\n")
    firewall = detect(tmp_path, _tools())
    assert firewall == Firewall(FirewallKind.UFW)
    assert open_commands(firewall, [8443], [3478]) == ["sudo ufw allow 8443/tcp", "sudo ufw allow 3478/udp"]


def test_firewalld(tmp_path: Path) -> None:
    """Firewalld counts when its process runs."""
    _write(tmp_path, "proc/812/comm", "firewalld\n")
    firewall = detect(tmp_path, _tools())
    assert firewall == Firewall(FirewallKind.FIREWALLD)
    assert open_commands(firewall, [8443], [3478], sudo="") == [
        "firewall-cmd --permanent --add-port=8443/tcp --add-port=3478/udp",
        "firewall-cmd --reload",
    ]


def test_nftables(tmp_path: Path) -> None:
    """A dropping chain of nftables is named in the commands, which insert before its rules."""
    firewall = detect(tmp_path, _tools(nft=_nft(_chain("drop"))))
    assert firewall == Firewall(FirewallKind.NFTABLES, "inet filter input")
    assert open_commands(firewall, [8443], []) == ["sudo nft insert rule inet filter input tcp dport 8443 accept"]


def test_iptables(tmp_path: Path) -> None:
    """With iptables both families are opened."""
    firewall = detect(tmp_path, _tools(nft=_nft(), iptables="-P INPUT DROP\n"))
    assert firewall == Firewall(FirewallKind.IPTABLES)
    assert open_commands(firewall, [], [3478]) == [
        "sudo iptables -I INPUT -p udp --dport 3478 -j ACCEPT",
        "sudo ip6tables -I INPUT -p udp --dport 3478 -j ACCEPT",
    ]


def test_files_for_an_ordinary_user(tmp_path: Path) -> None:
    """Without leave to ask the kernel, saved rules tell, nftables' only when its service is enabled."""
    _write(tmp_path, "etc/nftables.conf", NFTABLES_CONF)
    assert detect(tmp_path, _tools()) is None
    _write(tmp_path, "etc/systemd/system/sysinit.target.wants/nftables.service")
    assert detect(tmp_path, _tools()) == Firewall(FirewallKind.NFTABLES, "inet filter input")
    (tmp_path / "etc/nftables.conf").unlink()
    _write(tmp_path, "etc/iptables/rules.v4", ":INPUT ACCEPT [0:0]\n-A INPUT -j REJECT\n")
    assert detect(tmp_path, _tools()) == Firewall(FirewallKind.IPTABLES)


def test_no_ports_no_commands() -> None:
    """With every listener off there is nothing to open."""
    assert open_commands(Firewall(FirewallKind.FIREWALLD), [], []) == []


def test_run_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool's output is returned; a failing, missing or slow one gives None."""
    assert run_tool([sys.executable, "-c", "print('hello')"]) == "hello\n"
    assert run_tool([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert run_tool([str(tmp_path / "missing")]) is None
    monkeypatch.setattr("tailhub.server.firewall.TOOL_LIMIT_S", 0.05)
    assert run_tool([sys.executable, "-c", "import time; time.sleep(60)"]) is None
