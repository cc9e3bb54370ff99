"""What the doctor says of a relay that cannot be reached, each fault made for real in network namespaces.

| fault (reaching it) | made by | code |
| --- | --- | --- |
| the name does not resolve; leads elsewhere; the relay has moved | a small name server of ours | TH001, TH002, TH385 |
| no name server answers; the name's own fails | resolv.conf names a closed port; a SERVFAIL | TH384 |
| AAAA exists but IPv6 is dead; this machine has none | nftables drop; a namespace without IPv6 | TH004, – |
| TCP filtered (silently, by ICMP); closed | nftables drop and reject; nothing listens | TH005, TH006 |
| STUN filtered; closed (ICMP); not STUN | nftables drop; nothing listens; an echo server | TH003, TH007, TH008 |
| STUN answers from another address | a naive server on a machine with two addresses | TH009 |
| STUN sees a container engine's address | a relay's STUN behind a bridge that masquerades | TH010 |
| reset on this name only | a proxy before the relay that reads the ClientHello | TH011 |
| plain HTTP; SSH | nginx; a server that greets as SSH does (stands in for it) | TH012, TH013 |
| accepts and is silent; accepts and hangs up | servers of ours, as a hung or a missing backend behaves | TH387, TH388 |
| one of two addresses dead | an A record for a machine that is not there | TH389 |
| fake-ip DNS; everything is accepted | such a name server; nftables redirect, in place of a TUN | TH380, TH381 |
| the same, and the relay works all the same | a transparent proxy that passes on | TH383 |
| HTTPS_PROXY | the variable | TH382 |

The relay is a `tailhub relay`, which all but the fault itself is led to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from support import require
from support.examined import Examined, examine_in, host, node
from support.fronts import FrontWorld
from support.netns import NetworkNamespace
from support.odd_servers import (
    MARK,
    cuts_name,
    dns,
    greeting,
    hangs_up,
    naive_stun,
    odd_servers,
    silent,
    transparent,
    udp_echo,
)
from support.relay_process import RelayProcess

RELAY, SECOND, PUBLIC = "10.79.0.1", "10.79.0.3", "203.0.113.7"  # all of one machine
RELAY6, DROPPED6 = "2001:db8:79::1", "2001:db8:79::d"
DERP, STUN = 8443, 3478
TIMEOUT_S = 2.0
CUT, PLAIN, SSH, SILENT, HANGS_UP, DROPPED, PROHIBITED, CLOSED = range(8601, 8609)  # TCP
STUN_DROPPED, STUN_CLOSED, ECHO, NAIVE, CONTAINER = range(3601, 3606)  # UDP
CATCH_ALL = 9999

_MACHINE_RULES = f"""
table inet doctor {{
  chain before {{
    type filter hook prerouting priority -300
    ip daddr 192.0.2.0/24 drop
  }}
  chain in {{
    type filter hook input priority 0
    tcp dport {DROPPED} drop
    tcp dport {PROHIBITED} reject with icmpx admin-prohibited
    ip6 daddr {DROPPED6} tcp dport {DERP} drop
    udp dport {STUN_DROPPED} drop
  }}
}}
table ip doctor-nat {{
  chain publish {{
    type nat hook prerouting priority -100
    udp dport {CONTAINER} dnat to 172.17.0.2:{STUN}
  }}
  chain leave {{
    type nat hook postrouting priority 100
    oifname "bridge" masquerade
  }}
}}
"""
_CATCHING_RULES = f"""
table ip catching {{
  chain out {{
    type nat hook output priority -100
    meta mark != {MARK} ip daddr != 127.0.0.0/8 tcp dport 1-65535 redirect to :{CATCH_ALL}
  }}
}}
"""
_NAMES = {
    "relay.test": [RELAY],
    "old.test": [PUBLIC],
    "moved.test": [RELAY],
    "half.test": [RELAY, "10.79.1.9"],
    "fake.test": ["198.18.0.9"],
    "six.test": [RELAY, RELAY6],
    "only6.test": [RELAY6],
    "broken.test": None,
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NetworkNamespace]:
    """The machine with the relay, everything that is not a relay, and a container behind a bridge."""
    directory = tmp_path_factory.mktemp("machine")
    nginx = require.nginx()
    with ExitStack() as stack:
        machine, container = (stack.enter_context(require.network_namespace()) for _ in range(2))
        machine.ip("address", "add", f"{PUBLIC}/32", "dev", "lo")
        machine.cable("bridge", container, "eth0")
        machine.ip("address", "add", "172.17.0.1/16", "dev", "bridge")
        container.ip("address", "add", "172.17.0.2/16", "dev", "eth0")
        container.ip("route", "add", "default", "via", "172.17.0.1")
        machine.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        machine.run("nft", "-f", "-", stdin=_MACHINE_RULES)
        front = FrontWorld(machine, directory)
        site = directory / "plain.conf"
        site.write_text(f"server {{ listen {PLAIN}; location / {{ return 200 'hello'; }} }}")
        stack.enter_context(front.running(front.nginx(nginx, site), PLAIN))
        stack.enter_context(odd_servers(container.prefix, directory, naive_stun(STUN)))
        stack.enter_context(
            odd_servers(
                machine.prefix,
                directory,
                cuts_name(CUT, "cut.test", DERP),
                greeting(SSH, "SSH-2.0-OpenSSH_9.2p1 Debian-2"),
                silent(SILENT),
                hangs_up(HANGS_UP),
                udp_echo(ECHO),
                naive_stun(NAIVE),
                dns(_NAMES),
            )
        )
        words = ("--no-discover", "--listen", f":{DERP}", "--address", RELAY, "--admin-listen", "off")
        stack.enter_context(RelayProcess(defaults=words, prefix=machine.prefix))
        yield machine


def _client(stack: ExitStack, machine: NetworkNamespace, number: int) -> NetworkNamespace:
    """A machine on a cable to the relay's, with 10.79.`number`.2."""
    client = stack.enter_context(require.network_namespace())
    machine.cable(f"to{number}", client, "eth0")
    machine.ip("address", "add", f"10.79.{number}.1/24", "dev", f"to{number}")
    client.ip("address", "add", f"10.79.{number}.2/24", "dev", "eth0")
    client.ip("route", "add", "default", "via", f"10.79.{number}.1")
    return client


Examination = Callable[[], dict[str, Examined]]


def _without_dns(stack: ExitStack, machine: NetworkNamespace) -> Examination:
    """By a client that has IPv4 and IPv6 and a hosts file, but no DNS."""
    client = _client(stack, machine, 0)
    machine.ip("address", "add", f"{SECOND}/24", "dev", "to0")
    for address in (RELAY6, DROPPED6):
        machine.ip("address", "add", f"{address}/64", "dev", "to0", "nodad")
    client.ip("address", "add", "2001:db8:79::2/64", "dev", "eth0", "nodad")
    client.etc_file("hosts", f"127.0.0.1 localhost\n{RELAY} cut.test whole.test\n")
    client.etc_file("resolv.conf", "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n")
    fixed = {"HostName": "nowhere.test", "DERPPort": DERP, "InsecureForTests": True}
    relays = {
        "healthy": host(f"{RELAY}:{DERP}"),
        "healthy by name": host(f"whole.test:{DERP}"),
        "healthy over both": node(IPv4=RELAY, IPv6=RELAY6, **fixed),
        "public": host(f"{PUBLIC}:{DERP}"),
        "no stun": host(f"{RELAY}:{DERP}", -1),
        "no dns": host(f"nowhere.test:{DERP}"),
        "dead ipv6": node(IPv4=RELAY, IPv6=DROPPED6, **fixed),
        "dropped": host(f"{RELAY}:{DROPPED}", STUN_DROPPED),
        "prohibited": host(f"{RELAY}:{PROHIBITED}"),
        "other port": host(f"{RELAY}:{CLOSED}"),
        "closed": host(f"{RELAY}:{CLOSED}", STUN_CLOSED),
        "stun dropped": host(f"{RELAY}:{DERP}", STUN_DROPPED),
        "stun closed": host(f"{RELAY}:{DERP}", STUN_CLOSED),
        "echo": host(f"{RELAY}:{DERP}", ECHO),
        "two addresses": host(f"{SECOND}:{DERP}", NAIVE),
        "container": host(f"{PUBLIC}:{DERP}", CONTAINER),
        "cut": host(f"cut.test:{CUT}"),
        "not cut": host(f"whole.test:{CUT}"),
        "plain": host(f"{RELAY}:{PLAIN}"),
        "ssh": host(f"{RELAY}:{SSH}"),
        "silent": host(f"{RELAY}:{SILENT}"),
        "hangs up": host(f"{RELAY}:{HANGS_UP}"),
        "no route": node(HostName="2001:db8:ffff::1", IPv4="none"),
    }
    return partial(examine_in, client.prefix, relays, TIMEOUT_S)


def _with_dns(stack: ExitStack, machine: NetworkNamespace) -> Examination:
    """By a client that has DNS and no IPv6."""
    client = _client(stack, machine, 1)
    client.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
    client.etc_file("hosts", "127.0.0.1 localhost\n")
    client.etc_file("resolv.conf", "nameserver 10.79.1.1\n")
    insecure = {"DERPPort": DERP, "InsecureForTests": True}
    relays = {
        "by name": host(f"relay.test:{DERP}"),
        "as in the map": node(HostName="relay.test", IPv4=RELAY, **insecure),
        "no such name": host(f"nowhere.test:{DERP}"),
        "name not needed": node(HostName="nowhere.test", IPv4=RELAY, IPv6="none", **insecure),
        "elsewhere": node(HostName="old.test", IPv4=RELAY, IPv6="none", **insecure),
        "moved": node(HostName="moved.test", IPv4="10.79.1.9", IPv6="none", **insecure),
        "broken": host(f"broken.test:{DERP}"),
        "half": host(f"half.test:{DERP}"),
        "fake": host(f"fake.test:{DERP}"),
        "two families": host(f"six.test:{DERP}"),
        "ipv6 only": host(f"only6.test:{DERP}"),
    }
    return partial(examine_in, client.prefix, relays, TIMEOUT_S)


def _behind_proxy(stack: ExitStack, machine: NetworkNamespace, directory: Path) -> Examination:
    """By a client whose proxy program answers all names and accepts all connections, and gets nowhere."""
    client = _client(stack, machine, 2)
    client.etc_file("hosts", "127.0.0.1 localhost\n")
    client.etc_file("resolv.conf", "nameserver 127.0.0.1\n")
    client.run("nft", "-f", "-", stdin=_CATCHING_RULES)
    stack.enter_context(odd_servers(client.prefix, directory, hangs_up(CATCH_ALL), dns({"*": ["198.18.0.5"]})))
    relays = {"by name": host(f"relay.test:{DERP}"), "by address": host(f"{RELAY}:{DERP}")}
    environ = {"HTTPS_PROXY": "http://127.0.0.1:3128", "NO_PROXY": RELAY}
    return partial(examine_in, client.prefix, relays, TIMEOUT_S, environ)


def _through_proxy(stack: ExitStack, machine: NetworkNamespace, directory: Path) -> Examination:
    """By a client whose proxy program accepts all connections, and gets to the relay."""
    client = _client(stack, machine, 3)
    client.run("nft", "-f", "-", stdin=_CATCHING_RULES)
    stack.enter_context(odd_servers(client.prefix, directory, transparent(CATCH_ALL, RELAY)))
    return partial(examine_in, client.prefix, {"let through": host(f"{RELAY}:{DERP}")}, TIMEOUT_S)


@pytest.fixture(scope="module")
def examined(
    machine: NetworkNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[dict[str, Examined]]]:
    """What the four say; all at a time, for most of it is waiting."""
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        examinations = (
            _without_dns(stack, machine),
            _with_dns(stack, machine),
            _behind_proxy(stack, machine, tmp_path_factory.mktemp("proxy")),
            _through_proxy(stack, machine, tmp_path_factory.mktemp("transparent")),
        )
        yield list(pool.map(lambda examine: examine(), examinations))


@pytest.fixture
def seen(examined: list[dict[str, Examined]]) -> dict[str, Examined]:
    """What is said without DNS."""
    return examined[0]


@pytest.fixture
def resolved(examined: list[dict[str, Examined]]) -> dict[str, Examined]:
    """What is said with DNS."""
    return examined[1]


@pytest.fixture
def caught(examined: list[dict[str, Examined]]) -> dict[str, Examined]:
    """What is said behind proxies."""
    return examined[2] | examined[3]


@pytest.mark.parametrize("name", ["healthy", "healthy by name", "healthy over both", "public", "no stun", "not cut"])
def test_a_healthy_relay(seen: dict[str, Examined], name: str) -> None:
    """A relay with which nothing is wrong gives no finding, whatever leads to it."""
    assert seen[name].of_reach == [], seen[name]
    assert seen[name].steps["speaks"][0] == "ok"


@pytest.mark.parametrize("name", ["by name", "as in the map", "name not needed", "two families"])
def test_a_healthy_relay_by_dns(resolved: dict[str, Examined], name: str) -> None:
    """A relay that DNS leads to, or that does not need it, gives no finding on a machine without IPv6."""
    assert resolved[name].of_reach == [], resolved[name]


def test_what_is_said_of_a_healthy_relay(seen: dict[str, Examined]) -> None:
    """Steps say over which protocols it answers, and what was not tested because there is no need or no way."""
    steps = seen["healthy over both"].steps
    assert [steps[name][0] for name in ("here", "name", "tcp4", "tcp6", "speaks", "stun4", "stun6")] == ["ok"] * 7
    assert steps["stun4"][1].startswith("sees 10.79.0.2, 5 of 5 answered")
    assert steps["stun6"][1].startswith("sees 2001:db8:79::2, ")
    assert steps["port80"] == ("untested", "does not answer; only captive portal checks ask it", "")
    assert seen["no stun"].steps["stun4"] == ("untested", "off in the map", "")
    assert seen["healthy"].steps["tcp6"] == ("untested", "the relay has no IPv6 address", "")


@pytest.mark.parametrize(
    ("name", "code", "what"),
    [
        ("no dns", "TH384", "No name server said anything, not even about a name that cannot exist"),
        ("dead ipv6", "TH004", f"TCP {DERP} of {DROPPED6} does not answer"),
        ("dropped", "TH005", f"{RELAY} gave no answer within 2 s."),
        ("prohibited", "TH005", f"{RELAY} gave no answer: No route to host"),
        ("other port", "TH006", "refused the connection, while STUN answers: the relay seems to have another port"),
        ("closed", "TH006", f"{RELAY} refused the connection."),
        ("stun dropped", "TH003", "5 requests to 10.79.0.1 brought nothing back; TCP to the same address is fine"),
        ("stun closed", "TH007", f"Nothing listens on UDP {STUN_CLOSED}"),
        ("echo", "TH008", "10.79.0.1 answered: 000100142112a442"),
        ("two addresses", "TH009", f"Asked was {SECOND}:{NAIVE}, and the answer came from {RELAY}:{NAIVE}"),
        ("container", "TH010", f"The relay at {PUBLIC} sees this machine as 172.17.0.1"),
        ("cut", "TH011", "The connection is cut as soon as it names cut.test"),
        ("plain", "TH012", f"{RELAY} answered without TLS and calls itself nginx/"),
        ("ssh", "TH013", "speaks SSH, where clients expect TLS.\n10.79.0.1 answered: SSH-2.0-OpenSSH_9.2p1 Debian-2."),
        ("silent", "TH387", f"TCP {SILENT} accepts connections and then says nothing"),
        ("hangs up", "TH388", f"TCP {HANGS_UP} accepts connections and closes them at once"),
        ("no route", "TH386", "There is no route to 2001:db8:ffff::1"),
    ],
)
def test_a_fault(seen: dict[str, Examined], name: str, code: str, what: str) -> None:
    """Each fault on the way to a relay has its code, which is the only one, and says what was seen."""
    assert seen[name].of_reach == [code], seen[name]
    assert what in seen[name].whats[code]


@pytest.mark.parametrize(
    ("name", "code", "what"),
    [
        ("no such name", "TH001", "nowhere.test has neither an A nor an AAAA record"),
        ("elsewhere", "TH002", f"The map has {RELAY}.\nold.test leads to {PUBLIC}"),
        ("moved", "TH385", f"Nothing answers at 10.79.1.9.\nmoved.test leads to {RELAY}, where TCP {DERP} is open"),
        ("broken", "TH384", "Questions about other names are answered"),
        ("half", "TH389", f"TCP {DERP} of 10.79.1.9 does not answer; {RELAY} does"),
        ("fake", "TH380", "fake.test leads to 198.18.0.9 here"),
        ("ipv6 only", "TH386", f"There is no route to {RELAY6}"),
    ],
)
def test_a_fault_of_the_name(resolved: dict[str, Examined], name: str, code: str, what: str) -> None:
    """What is wrong with a name, or with the map's idea of it, has its code, which is the only one."""
    assert resolved[name].of_reach == [code], resolved[name]
    assert what in resolved[name].whats[code]


def test_this_machine_without_ipv6(resolved: dict[str, Examined]) -> None:
    """A relay's IPv6 that cannot be tried from here is untested, and no fault of the relay."""
    for step in ("tcp6", "stun6"):
        assert resolved["two families"].steps[step] == ("untested", "this machine has no IPv6", "")


@pytest.mark.parametrize(("name", "codes"), [("by name", ["TH381", "TH382"]), ("by address", ["TH381"])])
def test_everything_is_caught(caught: dict[str, Examined], name: str, codes: list[str]) -> None:
    """Where a proxy accepts everything it is the one cause, and TLS that fails behind it is its consequence.

    The variable for a proxy is a note beside it, unless ``NO_PROXY`` leaves the relay out.
    """
    assert caught[name].codes == codes, caught[name]
    assert caught[name].steps["tcp4"][0] == "ok"
    assert caught[name].steps["speaks"][::2] == ("fail", "TH381")


def test_a_proxy_that_gets_through(caught: dict[str, Examined]) -> None:
    """Where a proxy accepts everything and the relay works through it, a note says whose view that is."""
    assert caught["let through"].codes == ["TH383"], caught["let through"]
    assert caught["let through"].steps["login"][0] == "ok"


def test_one_cause_is_counted_once(seen: dict[str, Examined], resolved: dict[str, Examined]) -> None:
    """Steps that fail for a cause that was found before name its code, and add no finding."""
    assert seen["closed"].steps["stun4"] == ("fail", "no answer in 5 tries", "TH006")
    assert seen["dropped"].steps["stun4"] == ("fail", "no answer in 5 tries", "TH005")
    assert seen["no dns"].steps["tcp4"] == ("untested", "", "TH384")
    assert resolved["moved"].steps["tcp4"] == ("fail", f"{DERP} does not answer", "TH385")
    assert resolved["fake"].steps["name"][2] == "TH380"
