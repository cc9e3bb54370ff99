"""What is seen on a relay's machine, and what it means: each judge alone, without a machine."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tailhub import findings
from tailhub.certs.dates import BUILD_DATE
from tailhub.findings import Finding
from tailhub.server.firewall import Firewall, FirewallKind
from tailhub.server.firewall_rules import Packet
from tailhub.tools.doctor.local import (
    certificates,
    clock,
    configuration,
    disk,
    firewall,
    limits,
    network,
    ports,
    running,
    state,
)
from tailhub.tools.doctor.local.context import Account
from tailhub.tools.doctor.local.network import Reached
from tailhub.tools.doctor.local.rights import by_mode
from tailhub.tools.report import Judgement, Outcome

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def codes(judgement: Judgement) -> list[str]:
    return [finding.code for finding in judgement.findings]


def outcome(judgement: Judgement, step: str) -> Outcome:
    return next(one.outcome for one in judgement.steps if one.name == step)


def test_configuration() -> None:
    """The worst is the step's, a plan is no fault, and a note leaves the step well."""
    worst, note = findings.acme_needs_name("a", "b"), findings.family_missing("IPv6", "--listen")
    plan = Finding("TH114", {})
    judgement = configuration.judge([note, plan, worst, worst], "/etc/t.toml", "")
    assert codes(judgement) == ["TH110", "TH034"]
    assert [step.code for step in judgement.steps] == ["TH110"]
    assert outcome(configuration.judge([note, plan], "", ""), "config") is Outcome.OK


def test_a_disk() -> None:
    """Read-only comes before full, full before nearly full; inodes count where the file system has them."""
    good = disk.DiskSeen("/s", free_bytes=10 << 30, all_bytes=100 << 30, free_files=10**6, mount="/")
    assert codes(disk.judge(good)) == []
    assert codes(disk.judge(replace(good, is_read_only=True, free_bytes=0))) == ["TH420"]
    assert codes(disk.judge(replace(good, closed_by="tailhub"))) == ["TH420"]
    assert codes(disk.judge(replace(good, free_bytes=1000))) == ["TH418"]
    assert codes(disk.judge(replace(good, free_files=0))) == ["TH418"]
    assert codes(disk.judge(replace(good, free_bytes=100 << 20))) == ["TH419"]
    assert codes(disk.judge(replace(good, free_files=100))) == ["TH419"]
    assert codes(disk.judge(replace(good, free_files=None))) == []
    assert outcome(disk.judge(None), "disk") is Outcome.UNTESTED


def test_what_runs() -> None:
    """No relay is no fault, a service that is down is one; an older version is a note."""
    nothing = running.RunningSeen("/s", "2.0")
    assert codes(running.judge(nothing)) == []
    assert outcome(running.judge(nothing), "relay") is Outcome.UNTESTED
    down = replace(nothing, unit="tailhub", states={"ActiveState": "activating", "SubState": "auto-restart"})
    assert codes(running.judge(down)) == ["TH427"]
    again = {"ActiveState": "activating", "SubState": "start", "NRestarts": "3"}
    assert codes(running.judge(replace(down, states=again))) == ["TH427"]
    up = replace(down, states={"ActiveState": "active", "SubState": "running"}, checkup={"version": "1.0"})
    assert codes(running.judge(up)) == ["TH370"]
    assert codes(running.judge(replace(up, checkup={"version": "2.0"}))) == []


def test_a_relay_that_says_nothing() -> None:
    """A relay that takes connections and answers none is broken, whatever systemd says of its service."""
    seen = running.RunningSeen("/s", "2.0", checkup={}, is_silent=True, pid=7)
    assert codes(running.judge(seen)) == ["TH430"]
    up = replace(seen, unit="tailhub", states={"ActiveState": "active", "SubState": "running"})
    assert codes(running.judge(up)) == ["TH430"]


def test_clients_that_refuse_the_certificate() -> None:
    """That some connections are refused is a fault while nobody gets in: scanners and browsers refuse it, too."""
    seen = running.RunningSeen("/s", "1.0", checkup={"version": "1.0", "certificate_rejections": 3, "logins": 0})
    assert codes(running.judge(seen)) == ["TH426"]
    assert codes(running.judge(replace(seen, checkup={**(seen.checkup or {}), "logins": 1}))) == []


def test_state() -> None:
    """Other state counts where it is older than ours, or where we have none."""
    seen = state.StateSeen("/s", exists=True, pinned_at=200.0, rivals={"/o": 100.0}, port=8443)
    assert codes(state.judge(seen)) == ["TH044"]
    assert codes(state.judge(replace(seen, pinned_at=50.0))) == []
    assert codes(state.judge(replace(seen, pinned_at=0.0))) == ["TH175"]
    assert codes(state.judge(replace(seen, pinned_at=0.0, is_hidden=True))) == []
    assert codes(state.judge(replace(seen, running_elsewhere="/o", unit="tailhub"))) == ["TH425"]
    assert codes(state.judge(replace(seen, rivals={}, is_passing=True))) == ["TH043"]


def test_ports() -> None:
    """A port that our own relay has is well, one that somebody else has is not."""
    fault = findings.port_taken("--listen", "TCP", 8443, None, 8444)
    assert codes(ports.judge([ports.PortSeen("listen", "TCP", ":8443", is_ours=True)])) == []
    assert codes(ports.judge([ports.PortSeen("listen", "TCP", ":8443", fault=fault)])) == ["TH030"]


def test_certificates() -> None:
    """A certificate that is still to be made is no fault; the same trouble of two files is told once."""
    trouble = findings.certificate_expires_soon("/c.pem", NOW, 3)
    seen = certificates.CertificateSeen(":8443", "files", "/c.pem", (trouble, trouble), NOW + timedelta(days=3))
    assert codes(certificates.judge([seen], NOW)) == ["TH107"]
    good = certificates.CertificateSeen(":8443", "files", "/c.pem", (), NOW + timedelta(days=90))
    assert codes(certificates.judge([good, replace(good, is_there=False)], NOW)) == []
    assert outcome(certificates.judge([replace(good, is_hidden=True)], NOW), "certificate") is Outcome.UNTESTED


def test_open_files() -> None:
    """Few are noted; too few for those who are to come, or nearly used up, is a warning."""
    assert codes(limits.judge(limits.LimitsSeen(files=65536))) == []
    assert codes(limits.judge(limits.LimitsSeen(files=1024))) == ["TH036"]
    assert codes(limits.judge(limits.LimitsSeen(files=1024, clients=1000))) == ["TH429"]
    assert codes(limits.judge(limits.LimitsSeen(files=65536, used=60000))) == ["TH429"]
    assert codes(limits.judge(limits.LimitsSeen(files=65536, used=70000, clients=66000, processes=3))) == []
    assert outcome(limits.judge(limits.LimitsSeen()), "files") is Outcome.UNTESTED
    text = "Limit                     Soft Limit           Hard Limit           Units\n"
    text += "Max open files            1024                 524288               files\n"
    assert limits.parse_open_files(text) == 524288
    assert limits.parse_open_files("") is None


def test_receive_buffers() -> None:
    """A small buffer is a fault, and so is one that was full."""
    seen = limits.LimitsSeen(files=65536, stun_port=3478, receive_bytes=425984, receive_limit=212992)
    assert codes(limits.judge(seen)) == []
    assert codes(limits.judge(replace(seen, lost=1))) == []
    assert codes(limits.judge(replace(seen, lost=100))) == ["TH416"]
    assert codes(limits.judge(replace(seen, lost=100, requests=1_000_000))) == []
    assert codes(limits.judge(replace(seen, receive_bytes=4608))) == ["TH416"]


def test_lost_datagrams() -> None:
    """The kernel's table has a count for each socket, in its last column."""
    table = (
        "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode ref p drops\n"
        " 1: 00000000:0D96 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1234 2 0000000000000000 17\n"
        " 2: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 1235 2 0000000000000000 5\n"
    )
    assert limits.lost_datagrams(table, 3478) == 17
    assert limits.lost_datagrams("", 3478) == 0


def test_a_firewall() -> None:
    """A port is named with what opens it, by the program that keeps the rules; what only root sees is not tested."""
    packets = (Packet("tcp", 8443), Packet("udp", 3478))
    rules = firewall.Rules(iptables="-P INPUT DROP\n-A INPUT -p udp -m udp --dport 3478 -j ACCEPT\n")
    seen = firewall.FirewallSeen(packets, rules, Firewall(FirewallKind.UFW))
    (finding,) = firewall.judge(seen).findings
    assert finding.values["ports"] == "TCP 8443"
    assert finding.values["commands"] == "sudo ufw allow 8443/tcp"
    assert "iptables -I INPUT" in str(firewall.judge(replace(seen, firewall=None)).findings[0])
    assert outcome(firewall.judge(replace(seen, rules=firewall.Rules())), "firewall") is Outcome.UNTESTED
    assert outcome(firewall.judge(replace(seen, packets=())), "firewall") is Outcome.UNTESTED
    unclear = firewall.Rules(iptables="-P INPUT DROP\n-A INPUT -s 192.0.2.1 -j ACCEPT\n")
    assert outcome(firewall.judge(replace(seen, rules=unclear)), "firewall") is Outcome.UNTESTED


def test_a_place() -> None:
    """A first STUN request from the engine's side of a bridge was rewritten; elsewhere it is a neighbour's."""
    seen = network.NetworkSeen(
        engine="docker", bridged="172.17.0.2", neighbours="172.17.0.0/24", first_stun="172.17.0.1", is_running=True
    )
    assert codes(network.judge(seen)) == ["TH075"]
    assert codes(network.judge(replace(seen, first_stun="198.51.100.7"))) == []
    assert codes(network.judge(replace(seen, first_stun="hidden"))) == []
    assert codes(network.judge(replace(seen, bridged=""))) == []
    assert codes(network.judge(replace(seen, is_running=False, first_stun=""))) == ["TH073"]
    assert codes(network.judge(replace(seen, first_stun="", has_ipv6=False))) == ["TH422"]


def test_the_map() -> None:
    """Nobody at the map's port is a fault in a container; elsewhere it may be a NAT that does not turn back."""
    refused = [Reached("198.51.100.7", 443, "refused")]
    container = network.NetworkSeen(engine="docker", port=8443)
    assert codes(network.judge(container, refused)) == ["TH423"]
    assert codes(network.judge(replace(container, engine=""), refused)) == []
    assert outcome(network.judge(network.NetworkSeen(), refused), "map") is Outcome.UNTESTED
    both = [*refused, Reached("2001:db8::7", 443, "open")]
    assert codes(network.judge(container, both)) == []


def test_a_cloud_in_the_range_of_tailscale() -> None:
    """It is a fault where the rule is there; a user who sees no rules is told so."""
    seen = network.NetworkSeen(cloud_servers=("100.100.2.136",), drop_rule="-A ts-input -j DROP")
    assert codes(network.judge(seen)) == ["TH424"]
    assert codes(network.judge(replace(seen, drop_rule=""))) == []
    assert outcome(network.judge(replace(seen, drop_rule=None)), "cloud") is Outcome.UNTESTED
    assert network.name_servers("# nameserver 1\nnameserver 100.100.2.136\n search x\n") == ["100.100.2.136"]


@pytest.mark.parametrize("synchronised", [True, False, None])
def test_the_clock(synchronised: bool | None) -> None:
    """A clock before the build date is wrong; that nobody keeps it right is told, and no fault."""
    assert codes(clock.judge(NOW, synchronised)) == []
    assert codes(clock.judge(BUILD_DATE - timedelta(days=2), synchronised)) == ["TH083"]


def test_rights_by_mode() -> None:
    """Owner, group and others have bits of their own, and all directories above must be open."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "file"
        file.write_text("x")
        status = file.stat()
        member, stranger = Account("m", 12345, 12345, (status.st_gid,)), Account("s", 12345, 12345)
        Path(directory).chmod(0o755)
        file.chmod(0o640)
        assert (by_mode(member, file, "r"), by_mode(member, file, "w")) == (True, False)
        assert (by_mode(stranger, file, "r"), by_mode(Account("root", 0, 0), file, "w")) == (False, True)
        file.chmod(0o604)
        assert (by_mode(member, file, "r"), by_mode(stranger, file, "r")) == (False, True)
        assert by_mode(stranger, file.with_name("gone"), "r") is None
        Path(directory).chmod(0o700)
        assert by_mode(stranger, file, "r") is False
