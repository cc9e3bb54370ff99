"""What a machine's firewall does with a new connection from outside, worked out from its rules. Pure.

A packet is led through the chains as the kernel would do it. Where a rule asks for what is not known of the packet
(its sender, a match that nft cannot show), a rule that would accept makes the answer unknown; one that would refuse is
passed over: blocking some senders is not blocking the port.

Sources: nft(8), libnftables-json(5), iptables(8), iptables-extensions(8).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

__all__ = ["Packet", "Passage", "Verdict", "iptables_passage", "nft_passage", "tailnet_rule"]

_MOST_DEPTH = 32
_MOST_STEPS = 100_000
_CARRIER = "100.64.0.0/10"
_TAILSCALED_CHAIN = "ts-input"
_HARMLESS = frozenset({"counter", "log", "comment", "notrack", "mangle", "ct helper", "ct timeout"})
_NUMBERS: dict[int, str] = {6: "tcp", 17: "udp"}


class Verdict(StrEnum):
    """What becomes of a packet."""

    ACCEPT = "accept"
    DROP = "drop"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a connection: `version` of IP, `interface` on which it comes, "" where that is not known."""

    protocol: Literal["tcp", "udp"]
    port: int
    version: Literal[4, 6] = 4
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """The verdict, and the chain that has refused: ``inet filter input`` of nftables, ``INPUT`` of iptables."""

    verdict: Verdict
    chain: str = ""


_Found = Verdict | Literal["return"] | None  # None: no rule has decided
_Key = tuple[str, str, str]  # family, table, chain


# --- nftables ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Ruleset:
    """What ``nft -j list ruleset`` says, by chain and set."""

    packet: Packet
    rules: dict[_Key, list[list[dict[str, Any]]]] = field(default_factory=dict)
    sets: dict[_Key, list[Any]] = field(default_factory=dict)
    doubtful: bool = False  # a rule that may accept was passed over
    steps: int = 0


def nft_passage(ruleset: str, packet: Packet, passed_over: Iterable[str] = ()) -> Passage:
    """What the input chains of `ruleset`, nftables' JSON, do with the packet; not those of tables `passed_over`.

    Those are named ``ip filter``. `Verdict.UNKNOWN` for a text that cannot be read.
    """
    try:
        items: list[dict[str, Any]] = json.loads(ruleset)["nftables"]
        return _through_tables(items, packet, frozenset(passed_over))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return Passage(Verdict.UNKNOWN)  # a version whose JSON is of another form


def _through_tables(items: Sequence[dict[str, Any]], packet: Packet, passed_over: frozenset[str]) -> Passage:
    families = ("inet", "ip" if packet.version == 4 else "ip6")
    told = _Ruleset(packet)
    bases = []
    for item in items:
        (kind, value), *_ = item.items()
        if value.get("family") not in families or f"{value['family']} {value.get('table')}" in passed_over:
            continue
        if kind == "chain" and value.get("hook") == "input" and value.get("type", "filter") == "filter":
            bases.append(value)
        elif kind == "rule":
            key = (value["family"], value["table"], value["chain"])
            told.rules.setdefault(key, []).append(value["expr"])
        elif kind in ("set", "map"):
            told.sets[value["family"], value["table"], value["name"]] = value.get("elem", [])
    worst = Passage(Verdict.ACCEPT)
    for base in sorted(bases, key=lambda chain: chain.get("prio", 0) if isinstance(chain.get("prio"), int) else 0):
        told.doubtful = False
        key = (base["family"], base["table"], base["name"])
        found = _through_chain(told, key, 0)
        if found not in (Verdict.ACCEPT, Verdict.DROP):
            found = Verdict.DROP if base.get("policy") == "drop" else Verdict.ACCEPT
        if found is Verdict.DROP and not told.doubtful:
            return Passage(Verdict.DROP, " ".join(key))
        if found is Verdict.DROP:
            worst = Passage(Verdict.UNKNOWN, " ".join(key))
    return worst


def _through_chain(told: _Ruleset, key: _Key, depth: int) -> _Found:
    for expressions in told.rules.get(key, ()):
        told.steps += 1
        if depth > _MOST_DEPTH or told.steps > _MOST_STEPS:
            raise ValueError("the chains lead in a circle")
        found = _through_rule(told, key, expressions, depth)
        if found == "return":
            return None
        if found is not None:
            return found
    return None


def _through_rule(told: _Ruleset, key: _Key, expressions: Sequence[dict[str, Any]], depth: int) -> _Found:
    is_sure = True
    for expression in expressions:
        (word, value), *_ = expression.items()
        if word == "match":
            fits: bool | None = _fits(told, key, value)
            if fits is False:
                return None
            is_sure = is_sure and fits is True
        elif word == "vmap":
            statement, fits = _mapped(told, key, value)
            if fits is False:
                return None
            return _decided(told, key, statement, is_sure and fits is True, depth)
        elif word in ("accept", "drop", "reject", "return", "jump", "goto", "queue", "continue"):
            return _decided(told, key, expression, is_sure, depth)
        elif word not in _HARMLESS:
            is_sure = False
    return None


def _decided(told: _Ruleset, key: _Key, statement: Mapping[str, Any], is_sure: bool, depth: int) -> _Found:
    (word, value), *_ = statement.items()
    if word in ("jump", "goto"):
        before = told.doubtful
        found = _through_chain(told, (key[0], key[1], value["target"]), depth + 1)
        if not is_sure:
            told.doubtful = before or told.doubtful or found is Verdict.ACCEPT
            return None
        return "return" if found is None and word == "goto" else found
    if word == "return":
        if not is_sure:
            told.doubtful = True  # what follows may refuse what this lets go
            return None
        return "return"
    if word == "accept":
        told.doubtful = told.doubtful or not is_sure
        return Verdict.ACCEPT if is_sure else None
    if word in ("drop", "reject"):
        return Verdict.DROP if is_sure else None
    return None


def _mapped(told: _Ruleset, key: _Key, value: Mapping[str, Any]) -> tuple[dict[str, Any], bool | None]:
    """The statement that a verdict map has for the packet, and whether it is sure; False: it has none."""
    data = value["data"]
    pairs = told.sets.get((key[0], key[1], data.lstrip("@")), []) if isinstance(data, str) else data["set"]
    maybe: dict[str, Any] | None = None
    for wanted, statement in pairs:
        fits = _compared(told, key, value["key"], "==", wanted)
        if fits:
            return statement, True
        if fits is None and "accept" in statement:
            maybe = statement
    return (maybe, None) if maybe is not None else ({}, False)


def _fits(told: _Ruleset, key: _Key, match: Mapping[str, Any]) -> bool | None:
    return _compared(told, key, match["left"], match.get("op", "=="), match["right"])


def _compared(told: _Ruleset, key: _Key, left: Any, op: str, right: Any) -> bool | None:
    """Does the packet's value on the `left` compare so with the `right`? None: its value is not known."""
    known = _value_of(told.packet, left)
    if known is None and right == "lo":
        known = ("",)  # whatever it comes by, it is not that
    if known is None or op not in ("==", "!=", "in"):
        return None
    if known == ():
        return False  # it has no such part: a rule about TCP and a packet of UDP
    fits = any(_is_in(told, key, one, right) for one in known)
    return not fits if op == "!=" else fits


def _value_of(packet: Packet, left: Any) -> tuple[Any, ...] | None:
    """The packet's values for an expression, which may be written in several ways; () for a part that it lacks."""
    if not isinstance(left, dict):
        return None
    (word, value), *_ = left.items()
    if word == "payload" and value.get("field") == "dport":
        return (packet.port,) if value.get("protocol") in (packet.protocol, "th") else ()
    if word == "payload" and (value.get("protocol"), value.get("field")) in (("ip", "protocol"), ("ip6", "nexthdr")):
        return _protocol(packet) if (value["protocol"] == "ip") == (packet.version == 4) else ()
    if word == "payload":
        return () if value.get("protocol") in {"tcp", "udp", "icmp", "icmpv6"} - {packet.protocol} else None
    if word == "meta":
        return {
            "l4proto": _protocol(packet),
            "nfproto": (f"ipv{packet.version}", {4: 2, 6: 10}[packet.version]),
            "iifname": (packet.interface,) if packet.interface else None,
            "iif": (packet.interface,) if packet.interface else None,
        }.get(value.get("key"))
    if word == "ct" and value.get("key") == "state":
        return ("new",)
    if word == "ct" and value.get("key") == "status":
        return ("none",)
    if word == "fib" and value.get("result") == "type":
        return ("local",)
    return None


def _protocol(packet: Packet) -> tuple[Any, ...]:
    return (packet.protocol, {"tcp": 6, "udp": 17}[packet.protocol])


def _is_in(told: _Ruleset, key: _Key, known: Any, right: Any) -> bool:
    """Is `known` that value, or in that set, range or list of flags?"""
    if isinstance(right, str) and right.startswith("@"):
        return any(_is_in(told, key, known, one) for one in told.sets.get((key[0], key[1], right[1:]), ()))
    if isinstance(right, str) and right.endswith("*"):
        return isinstance(known, str) and known.startswith(right[:-1])
    if isinstance(right, list):
        return any(_is_in(told, key, known, one) for one in right)
    if isinstance(right, dict):
        (word, value), *_ = right.items()
        if word == "range":
            return isinstance(known, int) and value[0] <= known <= value[1]
        if word in ("set", "|"):
            return any(_is_in(told, key, known, one) for one in value)
        if word == "elem":
            return _is_in(told, key, known, value["val"])
        return False
    return bool(known == right)


# --- iptables ---------------------------------------------------------------------------------------------------------


def iptables_passage(rules: str, packet: Packet) -> Passage:
    """What the chain INPUT and those that it calls do with the packet, by the output of ``iptables -S``."""
    told = _Tables(packet)
    policy = Verdict.ACCEPT
    try:
        for words in map(shlex.split, rules.splitlines()):
            if words[:2] == ["-P", "INPUT"]:
                policy = Verdict.ACCEPT if words[2:3] == ["ACCEPT"] else Verdict.DROP
            elif words[:1] == ["-A"] and len(words) > 1:
                told.rules.setdefault(words[1], []).append(words[2:])
        found = _through_table(told, "INPUT", 0)
    except ValueError:  # a circle, or a quote without its other half
        return Passage(Verdict.UNKNOWN)
    if found not in (Verdict.ACCEPT, Verdict.DROP):
        found = policy
    if found is Verdict.ACCEPT:
        return Passage(Verdict.ACCEPT)
    return Passage(Verdict.UNKNOWN if told.doubtful else Verdict.DROP, "INPUT")


@dataclass(slots=True)
class _Tables:
    packet: Packet
    rules: dict[str, list[list[str]]] = field(default_factory=dict)
    doubtful: bool = False
    steps: int = 0


def _through_table(told: _Tables, chain: str, depth: int) -> _Found:
    for words in told.rules.get(chain, ()):
        told.steps += 1
        if depth > _MOST_DEPTH or told.steps > _MOST_STEPS:
            raise ValueError("the chains lead in a circle")
        fits, target = _asked(told.packet, words)
        if fits is False or target == "":
            continue
        is_sure, is_goto = fits is True, "-g" in words
        if target in told.rules:
            before = told.doubtful
            found = _through_table(told, target, depth + 1)
            if not is_sure:
                told.doubtful = before or told.doubtful or found is Verdict.ACCEPT
                continue
            if found is not None or is_goto:
                return found
        elif target == "RETURN":
            if is_sure:
                return None
            told.doubtful = True
        elif target == "ACCEPT":
            if is_sure:
                return Verdict.ACCEPT
            told.doubtful = True
        elif target in ("DROP", "REJECT") and is_sure:
            return Verdict.DROP
    return None


def _asked(packet: Packet, words: Sequence[str]) -> tuple[bool | None, str]:
    """Do all matches of a rule fit the packet (None: perhaps), and where does it lead?"""
    fits: bool | None = True
    target = ""
    for negated, option, values in _options(words):
        if option in ("-j", "-g"):
            target = values[0] if values else ""
            break  # what follows is the target's own
        known = _match(packet, option, values)
        if known is None:
            fits = None if fits is not False else False
        elif known is negated:
            return False, target
    return fits, target


def _options(words: Sequence[str]) -> Iterator[tuple[bool, str, list[str]]]:
    """Each option with its words, and whether a ``!`` stands before it."""
    negated = False
    at = 0
    while at < len(words):
        if words[at] == "!":
            negated, at = True, at + 1
            continue
        option, at = words[at], at + 1
        values = []
        while at < len(words) and not words[at].startswith("-") and words[at] != "!":
            values.append(words[at])
            at += 1
        yield negated, option, values
        negated = False


def _match(packet: Packet, option: str, values: Sequence[str]) -> bool | None:
    value = values[0] if values else ""
    match option:
        case "-p":
            return value in (packet.protocol, "all", str({"tcp": 6, "udp": 17}[packet.protocol]))
        case "-m":
            return True
        case "--dport" | "--dports":
            return any(_in_range(packet.port, one) for one in value.split(","))
        case "-i":
            if value == "lo":
                return packet.interface == "lo"
            if not packet.interface:
                return None
            return packet.interface.startswith(value[:-1]) if value.endswith("+") else packet.interface == value
        case "--state" | "--ctstate":
            return "NEW" in value.split(",")
        case "--comment":
            return True
        case "--dst-type":
            return value == "LOCAL"
    return None


def _in_range(port: int, text: str) -> bool:
    first, colon, last = text.partition(":")
    if not all(one.isdigit() for one in (first, last) if one):
        return False
    return int(first or 0) <= port <= int(last or (65535 if colon else first or 0))


# --- tailscaled's own -------------------------------------------------------------------------------------------------


def tailnet_rule(iptables: str, nft: str) -> str:
    """The rule by which tailscaled drops 100.64.0.0/10 from other interfaces, as its tool prints it; "" for none."""
    for line in iptables.splitlines():
        if line.startswith(f"-A {_TAILSCALED_CHAIN} ") and f"-s {_CARRIER} " in line and line.endswith("-j DROP"):
            return line
    try:
        items = json.loads(nft)["nftables"]
        rules = [item["rule"] for item in items if "rule" in item]
        for rule in rules:
            if rule["chain"] == _TAILSCALED_CHAIN and _drops_carrier(rule["expr"]):
                return f"{rule['family']} {rule['table']} {rule['chain']}: ip saddr {_CARRIER} drop"
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    return ""


def _drops_carrier(expressions: Sequence[Mapping[str, Any]]) -> bool:
    prefix = {"prefix": {"addr": "100.64.0.0", "len": 10}}
    sources = [one["match"]["right"] for one in expressions if "match" in one]
    return prefix in sources and any("drop" in one for one in expressions)
