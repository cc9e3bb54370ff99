"""Which firewall runs on this machine, and the commands that open our ports in it.

`detect` looks, `open_commands` words; nothing is ever changed. A firewall in front of the machine (a cloud's security
group) cannot be seen from here. Rule sets are read only where that is cheap: files that anybody may read, and for root
one short call to ``nft`` or ``iptables``. Whether a port is open already is worked out in `firewall_rules`, for a check
only; a rule twice does no harm.

Sources: ufw(8), firewall-cmd(1), nft(8) and libnftables-json(5), iptables(8).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROOT = Path("/")
TOOL_LIMIT_S = 0.5


class FirewallKind(StrEnum):
    """The programs whose rules people keep."""

    UFW = "ufw"
    FIREWALLD = "firewalld"
    NFTABLES = "nftables"
    IPTABLES = "iptables"


@dataclass(frozen=True, slots=True)
class Firewall:
    """A firewall that drops what it does not know. `chain` is nftables' ``family table chain`` of the input hook."""

    kind: FirewallKind
    chain: str = ""


def run_tool(command: Sequence[str]) -> str | None:
    """What `command` prints; None when it is not installed, refuses, or takes longer than `TOOL_LIMIT_S`."""
    program = shutil.which(command[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 (the callers' constant command lines)
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TOOL_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def detect(root: Path = ROOT, run: Callable[[Sequence[str]], str | None] | None = None) -> Firewall | None:
    """The firewall that stands between the network and us, or None if none is seen. Blocks for `TOOL_LIMIT_S` a tool.

    `run` calls a tool; by default `run_tool` for root and nothing for others, who would only be refused.
    """
    if run is None:
        run = run_tool if getattr(os, "geteuid", lambda: -1)() == 0 else lambda _command: None
    if re.search(r"(?mi)^\s*ENABLED\s*=\s*[\"']?yes", _read(root / "etc/ufw/ufw.conf")):
        return Firewall(FirewallKind.UFW)
    if (root / "run/firewalld").exists() or _is_running("firewalld", root):
        return Firewall(FirewallKind.FIREWALLD)
    if (ruleset := run(["nft", "-j", "list", "ruleset"])) is not None and (chain := dropping_chain(ruleset)):
        return Firewall(FirewallKind.NFTABLES, chain)
    if (rules := run(["iptables", "-S", "INPUT"])) is not None and iptables_drops(rules):
        return Firewall(FirewallKind.IPTABLES)
    if any((root / "etc/systemd/system").glob("*.wants/nftables.service")) and (
        chain := dropping_chain_of_file(_read(root / "etc/nftables.conf"))
    ):
        return Firewall(FirewallKind.NFTABLES, chain)
    if iptables_drops(_read(root / "etc/iptables/rules.v4")):
        return Firewall(FirewallKind.IPTABLES)
    return None


def open_commands(firewall: Firewall | None, tcp: Iterable[int], udp: Iterable[int], sudo: str = "sudo ") -> list[str]:
    """Command lines that let `tcp` and `udp` ports in, to be printed one a line; none without a firewall."""
    ports = [("tcp", port) for port in tcp] + [("udp", port) for port in udp]
    if firewall is None or not ports:
        return []
    if firewall.kind is FirewallKind.UFW:
        return [f"{sudo}ufw allow {port}/{protocol}" for protocol, port in ports]
    if firewall.kind is FirewallKind.FIREWALLD:
        added = " ".join(f"--add-port={port}/{protocol}" for protocol, port in ports)
        return [f"{sudo}firewall-cmd --permanent {added}", f"{sudo}firewall-cmd --reload"]
    if firewall.kind is FirewallKind.NFTABLES:
        # "insert", not "add": an added rule would come after the one that rejects everything.
        return [f"{sudo}nft insert rule {firewall.chain} {protocol} dport {port} accept" for protocol, port in ports]
    return [
        f"{sudo}{tool} -I INPUT -p {protocol} --dport {port} -j ACCEPT"
        for tool in ("iptables", "ip6tables")
        for protocol, port in ports
    ]


def dropping_chain(ruleset: str) -> str:
    """The first input chain in nftables' JSON that refuses by policy or by its last rule, "" if there is none."""
    import json

    try:
        items: list[dict[str, Any]] = json.loads(ruleset)["nftables"]
        chains = [item["chain"] for item in items if item.get("chain", {}).get("hook") == "input"]
        rules = [item["rule"] for item in items if "rule" in item]
        for chain in chains:
            if chain.get("type", "filter") != "filter":
                continue
            where = (chain["family"], chain["table"], chain["name"])
            own = [rule for rule in rules if (rule["family"], rule["table"], rule["chain"]) == where]
            if chain.get("policy") == "drop" or (own and _refuses_all(own[-1])):
                return " ".join(where)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # a version whose JSON is of another form: as if it could not be read
    return ""


def _refuses_all(rule: dict[str, Any]) -> bool:
    verdicts = [statement for statement in rule["expr"] if statement.keys() - {"counter", "log"}]
    return len(verdicts) == 1 and verdicts[0].keys() <= {"drop", "reject"}


_CHAIN_IN_FILE = re.compile(r"\btable\s+(inet|ip|ip6)\s+(\S+)\s*\{|\bchain\s+(\S+)\s*\{([^{}]*)")
_INPUT_DROP = re.compile(r"\bhook\s+input\b.*\bpolicy\s+drop\b", re.DOTALL)


def dropping_chain_of_file(text: str) -> str:
    """The first input chain with policy drop in a file for ``nft -f``; "" if there is none."""
    table = ""
    for match in _CHAIN_IN_FILE.finditer(re.sub(r"#.*", "", text)):
        if match[1]:
            table = f"{match[1]} {match[2]}"
        elif table and _INPUT_DROP.search(match[4]):
            return f"{table} {match[3]}"
    return ""


def iptables_drops(rules: str) -> bool:
    """Does the INPUT chain (``iptables -S`` or ``iptables-save``) drop or reject by policy or by its last rule?"""
    if re.search(r"(?m)^(-P |:)INPUT DROP\b", rules):
        return True
    own = re.findall(r"(?m)^-A INPUT (.*)$", rules)
    # Several clouds' images come with exactly this: policy ACCEPT, and a last rule that rejects everything.
    return bool(own) and re.match(r"-j (DROP|REJECT)\b", own[-1]) is not None


def _is_running(program: str, root: Path) -> bool:
    return any(_read(path).strip() == program for path in (root / "proc").glob("[0-9]*/comm"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
