"""Deciding which address to advertise: one case for each kind of host."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address

import pytest

from tailhub.net.interfaces import DefaultRoute, InterfaceAddress
from tailhub.server.address import Source, decide
from tailhub.server.address_facts import Facts, StunAnswer, Wanted
from tailhub.server.address_words import describe
from tailhub.server.metadata import CloudAnswer

PUBLIC, OTHER, EXIT = "8.8.4.4", "9.9.9.9", "1.1.1.1"  # any global addresses: documentation ones are refused
V6, V6_TEMPORARY, V6_OTHER = "2400:3200::1", "2400:3200::aaaa", "2606:4700::1"
WANTED = Wanted(port=8443, stun_port=3478)


def on(interface: str, *addresses: str, **flags: bool) -> tuple[InterfaceAddress, ...]:
    return tuple(InterfaceAddress(interface, ip_address(text), **flags) for text in addresses)


def via(interface: str | None, source: str | None) -> DefaultRoute:
    return DefaultRoute(interface, ip_address(source) if source else None)


def stun(*seen: str, port: int = 3478) -> tuple[StunAnswer, ...]:
    return tuple(StunAnswer(f"s{number}", ip_address(text), port, 3478) for number, text in enumerate(seen))


def cloud(address: str | None, name: str = "AWS") -> tuple[CloudAnswer, ...]:
    return (CloudAnswer(name, IPv4Address(address) if address else None),)


# Hosts that several cases start from.
VPS = Facts(WANTED, on("eth0", PUBLIC), route_v4=via("eth0", PUBLIC))
PRIVATE = Facts(WANTED, on("eth0", "10.0.0.5"), route_v4=via("eth0", "10.0.0.5"))
DUAL = Facts(WANTED, on("eth0", PUBLIC, V6), route_v4=via("eth0", PUBLIC), route_v6=via("eth0", V6))
HOME = Facts(WANTED, on("wlan0", "192.168.1.5"), route_v4=via("wlan0", "192.168.1.5"))
DOCKER = Facts(WANTED, on("eth0", "172.17.0.2"), route_v4=via("eth0", "172.17.0.2"), engine="docker", is_paired=True)


@dataclass(frozen=True)
class Case:
    """A host, and what has to come out: the source and address of each family, and the notes' names in order."""

    name: str
    facts: Facts
    ipv4: tuple[str, str] | None = None
    ipv6: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()
    behind_nat: bool = False
    cgnat: bool = False
    undecided: bool = False


CASES = [
    Case("public address, nobody answers", VPS, ("interface", PUBLIC)),
    Case(
        "public address, all agree",
        replace(VPS, stun=stun(PUBLIC, PUBLIC), clouds=cloud(PUBLIC)),
        ("interface", PUBLIC),
    ),
    Case("dual stack", replace(DUAL, stun=stun(PUBLIC, V6)), ("interface", PUBLIC), ("interface", V6)),
    # cloud 1:1 NAT
    Case(
        "cloud, metadata and STUN agree",
        replace(PRIVATE, clouds=cloud(PUBLIC), stun=stun(PUBLIC, PUBLIC)),
        ("metadata", PUBLIC),
        behind_nat=True,
    ),
    Case("cloud, STUN blocked", replace(PRIVATE, clouds=cloud(PUBLIC)), ("metadata", PUBLIC), behind_nat=True),
    Case(
        "cloud that does not know its address",
        replace(PRIVATE, clouds=cloud(None, "Oracle Cloud"), stun=stun(PUBLIC, PUBLIC)),
        ("stun", PUBLIC),
        behind_nat=True,
    ),
    Case(
        "cloud whose machines have addresses from 100.64/10",
        Facts(WANTED, on("eth0", "100.66.1.2"), via("eth0", "100.66.1.2"), clouds=cloud(PUBLIC), stun=stun(PUBLIC)),
        ("metadata", PUBLIC),
        behind_nat=True,
    ),
    # IPv6 only
    Case(
        "IPv6 only",
        Facts(WANTED, on("eth0", V6), route_v6=via("eth0", V6), stun=stun(V6)),
        None,
        ("interface", V6),
        notes=("ipv6-only",),
    ),
    Case(
        "IPv6 behind an IPv4 of the provider",
        replace(
            HOME,
            interfaces=on("wlan0", "192.168.1.5", V6),
            route_v6=via("wlan0", V6),
            stun=(*stun(OTHER, port=40001), *stun(V6)),
        ),
        None,
        ("interface", V6),
        notes=("not-reachable", "ipv6-only"),
        behind_nat=True,
        cgnat=True,
    ),
    Case(
        "stable beside temporary IPv6, STUN sees the temporary one",
        replace(
            DUAL,
            interfaces=(*on("eth0", V6_TEMPORARY, temporary=True), *on("eth0", PUBLIC, V6)),
            route_v6=via("eth0", V6_TEMPORARY),
            stun=stun(PUBLIC, V6_TEMPORARY),
        ),
        ("interface", PUBLIC),
        ("interface", V6),
    ),
    Case(
        "temporary IPv6 only",
        replace(DUAL, interfaces=(*on("eth0", PUBLIC), *on("eth0", V6, temporary=True))),
        ("interface", PUBLIC),
    ),
    Case(
        "IPv6 address without a default route",
        replace(DUAL, route_v6=None),
        ("interface", PUBLIC),
    ),
    Case(
        "IPv6 that only STUN knows (NAT66)",
        Facts(
            WANTED,
            on("eth0", PUBLIC, "fd00::5"),
            via("eth0", PUBLIC),
            via("eth0", "fd00::5"),
            stun=stun(PUBLIC, V6),
        ),
        ("interface", PUBLIC),
    ),
    Case(
        "IPv6 that STUN sees as another's",
        replace(DUAL, stun=stun(PUBLIC, V6_OTHER)),
        ("interface", PUBLIC),
        ("interface", V6),
        notes=("sources-disagree",),
    ),
    # dynamic address with DDNS
    Case(
        "name that leads here",
        replace(
            HOME,
            wanted=replace(WANTED, hostname="derp.example.com"),
            stun=stun(PUBLIC, PUBLIC),
            hostname_addresses=(ip_address(PUBLIC),),
        ),
        ("stun", PUBLIC),
        behind_nat=True,
    ),
    Case(
        "name that has not caught up",
        replace(
            HOME,
            wanted=replace(WANTED, hostname="derp.example.com"),
            stun=stun(PUBLIC, PUBLIC),
            hostname_addresses=(ip_address(OTHER),),
        ),
        ("stun", PUBLIC),
        notes=("host-name-elsewhere",),
        behind_nat=True,
    ),
    Case(
        "name without an address",
        replace(VPS, wanted=replace(WANTED, hostname="derp.example.com"), hostname_addresses=()),
        ("interface", PUBLIC),
        notes=("host-name-elsewhere",),
    ),
    Case(
        "name with an IPv6 address that is nobody's",
        replace(
            VPS,
            wanted=replace(WANTED, hostname="derp.example.com"),
            hostname_addresses=(ip_address(PUBLIC), ip_address(V6)),
        ),
        ("interface", PUBLIC),
        notes=("host-name-elsewhere",),
    ),
    Case(
        "name, and nothing known to compare it with",
        replace(
            HOME,
            wanted=replace(WANTED, hostname="derp.example.com", discover=False),
            hostname_addresses=(ip_address(PUBLIC),),
        ),
        ("lan", "192.168.1.5"),
    ),
    # several interfaces
    Case(
        "two uplinks: the default route's",
        replace(VPS, interfaces=(*on("eth1", OTHER), *on("eth0", PUBLIC))),
        ("interface", PUBLIC),
    ),
    Case(
        "the one that --listen names",
        replace(
            VPS,
            wanted=replace(WANTED, listen_hosts=(ip_address(OTHER),), families=frozenset({socket.AF_INET})),
            interfaces=(*on("eth1", OTHER), *on("eth0", PUBLIC)),
        ),
        ("listen", OTHER),
        notes=("sources-disagree",),
    ),
    Case(
        "a private --listen says nothing of the address outside",
        replace(PRIVATE, wanted=replace(WANTED, listen_hosts=(ip_address("10.0.0.5"),)), clouds=cloud(PUBLIC)),
        ("metadata", PUBLIC),
        behind_nat=True,
    ),
    Case(
        "interface found by the source address alone, as on macOS",
        replace(VPS, interfaces=(*on("en1", OTHER), *on("en0", PUBLIC)), route_v4=via(None, PUBLIC)),
        ("interface", PUBLIC),
    ),
    Case(
        "IPv4 is not listened on",
        replace(DUAL, wanted=replace(WANTED, families=frozenset({socket.AF_INET6}))),
        None,
        ("interface", V6),
        notes=("ipv6-only",),
    ),
    Case(
        "public interface, another elastic address in the metadata",
        replace(VPS, clouds=cloud(OTHER)),
        ("interface", PUBLIC),
        notes=("sources-disagree",),
    ),
    Case(
        "public interface, own traffic leaves elsewhere",
        replace(VPS, stun=stun(EXIT, EXIT)),
        ("interface", PUBLIC),
        notes=("sources-disagree",),
    ),
    # CGNAT
    Case(
        "router that keeps the port",
        replace(HOME, stun=stun(PUBLIC, PUBLIC)),
        ("stun", PUBLIC),
        behind_nat=True,
    ),
    Case(
        "NAT that rewrites the port",
        replace(HOME, stun=stun(PUBLIC, PUBLIC, port=40001)),
        ("lan", "192.168.1.5"),
        notes=("not-reachable",),
        behind_nat=True,
        cgnat=True,
    ),
    Case(
        "100.64/10 on the uplink of a router",
        Facts(
            WANTED,
            (*on("eth1", "100.70.1.2"), *on("br-lan", "192.168.1.1")),
            via("eth1", "100.70.1.2"),
            stun=stun(PUBLIC, PUBLIC),
        ),
        ("lan", "192.168.1.1"),
        notes=("not-reachable",),
        behind_nat=True,
        cgnat=True,
    ),
    Case(
        "100.64/10 and nothing else",
        Facts(WANTED, on("wwan0", "100.70.1.2"), via("wwan0", "100.70.1.2")),
        None,
        notes=("not-reachable",),
        behind_nat=True,
        cgnat=True,
    ),
    # VPN, exit node, proxy TUN
    Case(
        "metadata and STUN disagree",
        replace(PRIVATE, clouds=cloud(PUBLIC), stun=stun(EXIT, EXIT)),
        None,
        notes=("sources-disagree",),
        undecided=True,
    ),
    Case(
        "metadata and STUN disagree, public interface",
        replace(VPS, clouds=cloud(PUBLIC), stun=stun(EXIT, EXIT)),
        None,
        notes=("sources-disagree",),
        undecided=True,
    ),
    Case(
        "one STUN server agrees with the metadata, one sees a proxy",
        replace(PRIVATE, clouds=cloud(PUBLIC), stun=stun(PUBLIC, EXIT)),
        ("metadata", PUBLIC),
        notes=("sources-disagree",),
        behind_nat=True,
    ),
    Case(
        "two STUN servers see two addresses",
        replace(HOME, stun=stun(PUBLIC, EXIT)),
        None,
        notes=("sources-disagree",),
        undecided=True,
    ),
    Case(
        "exit node: the kernel sends from the tailnet's interface",
        replace(
            HOME,
            interfaces=(*on("wlan0", "192.168.1.5"), *on("tailscale0", "100.101.102.103")),
            route_v4=via("wlan0", "100.101.102.103"),
            stun=stun(EXIT, EXIT),
        ),
        None,
        notes=("sources-disagree",),
        undecided=True,
    ),
    Case(
        "proxy TUN with fake addresses",
        replace(
            HOME,
            interfaces=(*on("wlan0", "192.168.1.5"), *on("Meta", "198.18.0.1")),
            route_v4=via("wlan0", "198.18.0.1"),
            stun=stun(EXIT, EXIT),
        ),
        None,
        notes=("sources-disagree",),
        undecided=True,
    ),
    Case(
        "a flag settles it",
        replace(
            PRIVATE,
            wanted=replace(WANTED, addresses=(ip_address(PUBLIC),)),
            clouds=cloud(PUBLIC),
            stun=stun(EXIT, EXIT),
        ),
        ("flag", PUBLIC),
        notes=("sources-disagree",),
        behind_nat=True,
    ),
    Case(
        "a name makes the address of no account",
        replace(
            PRIVATE,
            wanted=replace(WANTED, hostname="derp.example.com"),
            clouds=cloud(PUBLIC),
            stun=stun(EXIT, EXIT),
            hostname_addresses=(ip_address(PUBLIC),),
        ),
        None,
        undecided=True,
    ),
    # never these
    Case(
        "tailnet, bridges and fake addresses beside the real one",
        Facts(
            WANTED,
            (
                *on("tailscale0", "100.101.102.103", "fd7a:115c:a1e0::1"),
                *on("docker0", "172.17.0.1"),
                *on("br-0123456789ab", OTHER),
                *on("veth0123456", "169.254.1.1"),
                *on("eth0", PUBLIC, "198.18.0.9"),
            ),
            via("eth0", PUBLIC),
        ),
        ("interface", PUBLIC),
    ),
    # container bridge
    Case(
        "container bridge, metadata answers",
        replace(DOCKER, clouds=cloud(PUBLIC)),
        ("metadata", PUBLIC),
        notes=("container-bridge",),
        behind_nat=True,
    ),
    Case(
        "container bridge that rewrites ports",
        replace(DOCKER, stun=stun(PUBLIC, PUBLIC, port=40001)),
        ("stun", PUBLIC),
        notes=("container-bridge",),
        behind_nat=True,
    ),
    Case("container bridge, nobody answers", DOCKER, None, notes=("container-bridge",)),
    Case(
        "container bridge, told all",
        replace(
            DOCKER,
            wanted=replace(WANTED, addresses=(ip_address(PUBLIC),), public_port=443, stun_public_port=3478),
        ),
        ("flag", PUBLIC),
        behind_nat=True,
    ),
    Case(
        "container whose state goes with it",
        replace(DOCKER, lost_state_dir="/var/lib/tailhub"),
        None,
        notes=("state-not-a-mount", "container-bridge"),
    ),
    Case(
        "container in the host's network",
        replace(VPS, engine="docker", is_paired=False),
        ("interface", PUBLIC),
    ),
    Case(
        "container in the host's network of a cloud",
        replace(
            PRIVATE,
            interfaces=(*on("eth0", "172.31.0.5"), *on("docker0", "172.17.0.1")),
            route_v4=via("eth0", "172.31.0.5"),
            engine="docker",
            clouds=cloud(PUBLIC),
        ),
        ("metadata", PUBLIC),
        behind_nat=True,
    ),
    Case(
        "system container in the local network",
        replace(HOME, engine="lxc", is_paired=True, lost_state_dir="/var/lib/tailhub"),
        ("lan", "192.168.1.5"),
        notes=("not-reachable",),
    ),
    # the local network only, no DNS, nothing
    Case("nobody answers", HOME, ("lan", "192.168.1.5"), notes=("not-reachable",)),
    Case(
        "no DNS",
        replace(HOME, names_fail=True),
        ("lan", "192.168.1.5"),
        notes=("not-reachable", "no-dns"),
    ),
    Case("no DNS, public address", replace(VPS, names_fail=True), ("interface", PUBLIC), notes=("no-dns",)),
    Case(
        "no DNS, with a name",
        replace(VPS, names_fail=True, wanted=replace(WANTED, hostname="derp.example.com"), hostname_addresses=()),
        ("interface", PUBLIC),
        notes=("no-dns",),
    ),
    Case(
        "no default route",
        Facts(WANTED, (*on("docker0", "172.17.0.1"), *on("eth3", "10.9.8.7"))),
        ("lan", "10.9.8.7"),
        notes=("not-reachable",),
    ),
    Case(
        "told not to look, private address",
        replace(HOME, wanted=replace(WANTED, discover=False)),
        ("lan", "192.168.1.5"),
        notes=("address-unknown",),
    ),
    Case(
        "told not to look, public address", replace(VPS, wanted=replace(WANTED, discover=False)), ("interface", PUBLIC)
    ),
    Case(
        "documentation addresses",
        Facts(WANTED, on("eth0", "203.0.113.7"), via("eth0", "203.0.113.7"), stun=stun("198.51.100.1")),
        None,
        notes=("address-unknown",),
    ),
    Case("nothing at all", Facts(WANTED, on("lo", "127.0.0.1")), None, notes=("address-unknown",)),
    Case(
        "nothing at all, and nobody else is to come",
        Facts(replace(WANTED, listen_hosts=(ip_address("127.0.0.1"),)), on("lo", "127.0.0.1")),
        None,
    ),
    Case(
        "nothing but a name",
        Facts(replace(WANTED, hostname="derp.example.com"), on("lo", "127.0.0.1")),
        None,
    ),
    # flags
    Case(
        "both families by flag",
        replace(VPS, wanted=replace(WANTED, addresses=(ip_address(V6), ip_address(OTHER)))),
        ("flag", OTHER),
        ("flag", V6),
        notes=("sources-disagree",),
        behind_nat=True,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_decide(case: Case) -> None:
    """Each kind of host gets the right address from the right source, and the right notes."""
    result = decide(case.facts)
    v4 = (result.ipv4.source.value, str(result.ipv4.address)) if result.ipv4 else None
    v6 = (result.ipv6.source.value, str(result.ipv6.address)) if result.ipv6 else None
    notes = tuple(note.name for note in result.notes)
    assert (v4, v6, notes) == (case.ipv4, case.ipv6, case.notes)
    assert (result.behind_nat, result.cgnat) == (case.behind_nat, case.cgnat)
    assert bool(result.undecided) is case.undecided
    assert result.container is (case.facts.engine is not None)


def named(name: str) -> Facts:
    return next(case.facts for case in CASES if case.name == name)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("dual stack", (PUBLIC, PUBLIC, V6)),
        ("public address, nobody answers", (PUBLIC, PUBLIC, "")),
        ("IPv6 only", (V6, "none", V6)),
        ("IPv6 behind an IPv4 of the provider", (V6, "none", V6)),
        ("name that leads here", ("derp.example.com", "", "")),
        ("nothing but a name", ("derp.example.com", "", "")),
        ("nobody answers", ("192.168.1.5", "192.168.1.5", "")),
        ("metadata and STUN disagree", ("", "", "")),
        ("nothing at all", ("", "", "")),
        ("both families by flag", (OTHER, OTHER, V6)),
    ],
)
def test_map_fields(name: str, fields: tuple[str, str, str]) -> None:
    """HostName, IPv4 and IPv6 of the map follow from the decision; a name leaves addresses out."""
    result = decide(named(name))
    assert (result.host, result.map_ipv4, result.map_ipv6) == fields


def test_name_and_address() -> None:
    """A name with an address by flag has both in the map."""
    wanted = replace(WANTED, hostname="derp.example.com", addresses=(ip_address(PUBLIC), ip_address(V6)))
    result = decide(replace(DUAL, wanted=wanted))
    assert (result.host, result.map_ipv4, result.map_ipv6) == ("derp.example.com", PUBLIC, V6)


@pytest.mark.parametrize(
    ("wanted", "ports"),
    [
        (WANTED, (8443, 3478)),
        (replace(WANTED, public_port=443), (443, 3478)),
        (replace(WANTED, stun_public_port=13478), (8443, 13478)),
        (replace(WANTED, stun_port=None), (8443, -1)),
        (replace(WANTED, stun_port=None, stun_public_port=13478), (8443, -1)),
    ],
)
def test_advertised_ports(wanted: Wanted, ports: tuple[int, int]) -> None:
    """The map has the public ports where the flags give them, the bound ones else, and -1 without STUN."""
    result = decide(replace(VPS, wanted=wanted))
    assert (result.derp_port, result.stun_port) == ports


def test_who_agrees() -> None:
    """The winner names its interface, cloud or server, and who says the same."""
    found = decide(named("cloud, metadata and STUN agree")).ipv4
    assert found is not None
    assert (found.detail, found.agreeing, found.interface) == ("AWS", (Source.STUN,), "")
    found = decide(named("public address, all agree")).ipv4
    assert found is not None
    assert (found.detail, found.agreeing, found.interface) == ("eth0", (Source.METADATA, Source.STUN), "eth0")


def test_every_disagreement_is_told() -> None:
    """A note on a disagreement has every source with its address, and what was chosen."""
    result = decide(named("one STUN server agrees with the metadata, one sees a proxy"))
    assert [(c.source, str(c.address), c.detail) for c in result.disagreements] == [(Source.STUN, EXIT, "s1")]
    text = str(result.notes[0])
    assert f"metadata (AWS): {PUBLIC}" in text
    assert f"STUN (s1): {EXIT}" in text
    undecided = decide(named("metadata and STUN disagree"))
    assert [(c.source, str(c.address)) for c in undecided.undecided] == [
        (Source.METADATA, PUBLIC),
        (Source.STUN, EXIT),
    ]
    assert "--address" in str(undecided.notes[0])


def test_others_are_listed() -> None:
    """Further good addresses of the machine are listed, unusable ones are not."""
    result = decide(named("two uplinks: the default route's"))
    assert [str(address) for address in result.other_addresses] == [OTHER]
    assert decide(named("tailnet, bridges and fake addresses beside the real one")).other_addresses == ()


def test_is_public() -> None:
    """A private address for the local network is not public, any other is."""
    assert decide(VPS).is_public
    assert not decide(HOME).is_public
    assert decide(named("IPv6 only")).is_public
    assert not decide(named("nothing at all")).is_public


def test_moved() -> None:
    """A new address or a name that begins to lead elsewhere is a move; an address not found for once is none."""
    before = decide(VPS)
    assert not decide(VPS).has_moved_from(before)
    assert not decide(replace(VPS, stun=stun(PUBLIC, PUBLIC))).has_moved_from(before)
    assert not decide(Facts(WANTED)).has_moved_from(before)
    assert decide(replace(VPS, interfaces=on("eth0", OTHER))).has_moved_from(before)
    assert decide(DUAL).has_moved_from(before)
    assert decide(named("metadata and STUN disagree")).has_moved_from(before)
    assert decide(named("name without an address")).has_moved_from(before)


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        (
            "cloud, metadata and STUN agree",
            "from the cloud's metadata (AWS), STUN agrees (not on an interface: normal here)",
            "来自云平台元数据（AWS），STUN 一致（不在任何接口上：云主机属正常）",
        ),
        ("public address, all agree", "on eth0, metadata and STUN agree", "来自接口 eth0，元数据、STUN 一致"),
        ("a flag settles it", "from --address, metadata agrees", "来自 --address，元数据一致"),
        (
            "nobody answers",
            "on wlan0, a private address: for the local network only",
            "接口 wlan0 的私有地址，仅供局域网使用",
        ),
    ],
)
def test_describe(name: str, english: str, chinese: str) -> None:
    """Where an address comes from is said in a few words of either language."""
    found = decide(named(name)).ipv4
    assert found is not None
    assert describe(found) == english
    assert describe(found, "zh") == chinese


def test_describe_every_source() -> None:
    """Every source has words in both languages."""
    found = decide(VPS).ipv4
    assert found is not None
    for source in Source:
        texts = {describe(replace(found, source=source, agreeing=(source,)), lang) for lang in ("en", "zh")}
        assert len(texts) == 2
