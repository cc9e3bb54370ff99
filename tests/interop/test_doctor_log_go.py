"""`tailhub doctor --log` explains the log of a real tailscaled that has tried relays broken in every way.

Which region is broken how, what is real and what stands in: `support.broken_relays`. Faults of a relay as clients see
them, and the code that the log's line means:

=====================================  ======  ==========================================================
fault                                  code    produced by
=====================================  ======  ==========================================================
name does not resolve                  TH001   a name below .invalid
TCP filtered                           TH005   a listening socket whose queue is full: the kernel drops
TCP closed                             TH006   nobody listens
reset in the handshake                 TH011   a server that resets
plain HTTP; SSH                        TH012   servers that say so
wrong pin                              TH014   another hash in the map
pin with a chain                       TH015   a certificate with its CA's behind it
pinned, expired; not yet valid         TH016+  certificates with such dates
expired (CA); other name; none at all  TH017+  certificates of a CA that the client trusts
TLS 1.1 only                           TH024   OpenSSL
another web server                     TH027   a server that answers 404 to the upgrade
refused after ClientInfo               TH458   tailhub with an allow list and --refuse close
held, with a reason                    TH443   tailhub with an allow list
unknown issuer                         TH435   self-signed without a pin; a missing intermediate
derper of another name                 TH436   the original's derper
accepts, then silence                  TH438   a server that reads and says nothing
closed in the handshake                TH439   a server that hangs up
`sha256:` instead of `sha256-raw:`     TH440   the map
STUN only                              TH441   the map
STUN silent                            TH003   a closed STUN port in the map
map that changes                       TH442   a headscale that reads another map again and again
=====================================  ======  ==========================================================
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import broken_relays as broken
from support.headscale import running_headscale
from support.ports import free_ports
from support.relay_process import RelayProcess, until
from support.tailscaled import Tailscaled
from tailhub.tools.client_log.history import OFTEN

pytestmark = pytest.mark.go

CODES = {
    broken.NO_DNS: "TH001",
    broken.DROPPED: "TH005",
    broken.CLOSED: "TH006",
    broken.RESET: "TH011",
    broken.PLAIN_HTTP: "TH012",
    broken.SSH: "TH012",
    broken.WRONG_PIN: "TH014",
    broken.PINNED_CHAIN: "TH015",
    broken.PINNED_EXPIRED: "TH016",
    broken.PINNED_EARLY: "TH018",
    broken.EXPIRED: "TH017",
    broken.OTHER_NAME: "TH021",
    broken.NO_NAMES: "TH021",
    broken.NO_PINNED_NAME: "TH021",
    broken.COMMON_NAME: "TH021",
    broken.OLD_TLS: "TH024",
    broken.PAGE: "TH027",
    broken.REFUSING: "TH458",
    broken.SELF_SIGNED: "TH435",
    broken.NO_INTERMEDIATE: "TH435",
    broken.OTHER_SNI: "TH436",
    broken.SILENT: "TH438",
    broken.HANGS_UP: "TH439",
    broken.HASH_FORM: "TH440",
    broken.STUN_ONLY: "TH441",
    broken.HOLDING: "TH443",
}
LIMIT_S = 40.0


def explain(log: Path) -> tuple[int, dict[str, Any]]:
    """The exit code of the command, and its JSON."""
    words = [sys.executable, "-m", "tailhub", "doctor", "--log", str(log), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.fixture(scope="module")
def tailscaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tailscaled]:
    """A client that has tried all of them, and has had the answers that take the longest time."""
    with broken.tailscaled_of_broken_relays(tmp_path_factory.mktemp("broken")) as daemon:
        until(lambda: f"derp.Recv(derp-{broken.SILENT}): " in daemon.log(), "the silent one", daemon.log, LIMIT_S)
        yield daemon


@pytest.fixture(scope="module")
def explained(tailscaled: Tailscaled) -> dict[str, Any]:
    code, found = explain(tailscaled.log_file)
    assert code == 1
    return found


@pytest.mark.parametrize("region", CODES)
def test_each_fault_is_named(explained: dict[str, Any], region: int) -> None:
    """Each region's fault has its code, and no other one."""
    found = [line for line in explained["found"] if line["region"] == region and line["code"]]
    assert {line["code"] for line in found} - {"TH446"} == {CODES[region]}
    assert all(line["text"] and line["said"] and line["first"] <= line["last"] for line in found)
    (history,) = [one for one in explained["regions"] if one["region"] == region]
    assert history["state"] == "failing"


def test_a_healthy_relay_has_no_finding(explained: dict[str, Any]) -> None:
    """A region that works is connected, and nothing is said of it."""
    assert [line for line in explained["found"] if line["region"] == broken.HEALTHY and line["code"] != "TH446"] == []
    (history,) = [one for one in explained["regions"] if one["region"] == broken.HEALTHY]
    assert history["connections"]
    assert (history["state"], history["failures"]) == ("connected", 0)


def test_no_error_of_a_real_client_is_unknown(explained: dict[str, Any]) -> None:
    """Whatever the client said about a broken relay is known."""
    assert [line for line in explained["found"] if line["kind"] == "other_error"] == []
    assert explained["client"].startswith("1.")


def test_it_is_over_when_the_client_is_let_in(tailscaled: Tailscaled) -> None:
    """A client that the relays let in after all connects, and what its log said before is over."""
    (tailscaled.log_file.parent / broken.ALLOW_LIST).write_text(f"{tailscaled.key}  member\n")
    regions = (broken.REFUSING, broken.HOLDING)

    def connected() -> bool:
        log = tailscaled.log()
        return all(f"derp-{region} connected" in log for region in regions)

    until(connected, "it is let in", tailscaled.log, LIMIT_S)
    _, found = explain(tailscaled.log_file)
    about = [line for line in found["found"] if line["region"] in regions and line["code"] in ("TH458", "TH443")]
    assert [line["is_over"] for line in about] == [True, True]
    assert {one["state"] for one in found["regions"] if one["region"] in regions} == {"connected"}


def write_map(directory: Path, relay: RelayProcess, stun_port: int, name: str = "") -> str:
    """A file for headscale whose one region is the relay's; its path."""
    node = {"hostname": "127.0.0.1", "derpport": relay.port, "certname": relay.pin, "stunport": stun_port}
    region = {
        "regionid": 900,
        "regioncode": "r900",
        "regionname": name,
        "nodes": [{"name": "900a", "regionid": 900} | node],
    }
    file = directory / "derp.yaml"
    file.write_text(yaml.safe_dump({"regions": {900: region}}))
    return str(file)


@contextlib.contextmanager
def running_tailscaled(directory: Path) -> Iterator[Tailscaled]:
    daemon = Tailscaled(directory)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()


def test_a_relay_without_stun(tmp_path: Path) -> None:
    """A client that no relay answers by UDP says so, and still gets its connection."""
    with (
        RelayProcess("--address=127.0.0.1") as relay,
        running_headscale(tmp_path, free_ports(), paths=[write_map(tmp_path, relay, free_ports())]) as headscale,
        running_tailscaled(tmp_path) as daemon,
    ):
        daemon.join(headscale)
        until(lambda: "derp-900 connected" in daemon.log(), "it is connected", daemon.log, LIMIT_S)
        _, found = explain(daemon.log_file)
    assert [(line["code"], line["is_over"]) for line in found["found"] if line["code"]] == [("TH003", False)]
    assert [one["state"] for one in found["regions"]] == ["connected"]


def test_a_map_that_changes_again_and_again(tmp_path: Path) -> None:
    """A client whose control server hands out another map each time closes its connection each time, and says so."""
    with (
        RelayProcess("--address=127.0.0.1") as relay,
        running_headscale(
            tmp_path, free_ports(), paths=[write_map(tmp_path, relay, relay.stun_port)], looks_every_s=1
        ) as headscale,
        running_tailscaled(tmp_path) as daemon,
    ):
        daemon.join(headscale)
        for number in range(1, OFTEN + 1):
            write_map(tmp_path, relay, relay.stun_port, f"map {number}")

            def has_the_map(number: int = number) -> bool:
                log = daemon.log()
                is_there = log.count("derp-region-redefined") == number
                return is_there and "derp-900 connected" in log.rpartition("derp-region-redefined")[2]

            until(has_the_map, f"map {number} is there", daemon.log, LIMIT_S)
        code, found = explain(daemon.log_file)
    about = [line for line in found["found"] if line["code"] == "TH442"]
    assert [(line["region"], line["count"]) for line in about] == [(900, OFTEN)]
    assert found["regions"][0]["state"] == "connected"
    assert code == 0
