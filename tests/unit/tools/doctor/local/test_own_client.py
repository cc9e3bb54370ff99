from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.verifiers import http_answer, unix_http_server
from support.waiting import run
from tailhub.findings import Finding
from tailhub.tailcfg.derpmap import DERPMap, from_plain
from tailhub.tools.doctor.local.own_client import ClientSeen, age_of_tailscaled, judge
from tailhub.tools.report import Outcome

PIN = "sha256-raw:" + "ab" * 32
CUT_OFF = "Tailscale could not connect to the 'Rig' relay server. Your Internet connection might be down."
OWN = "nodekey:" + "ab" * 32


def derp_map(*regions: tuple[int, dict[str, object]], scores: dict[str, float] | None = None) -> DERPMap:
    return from_plain(
        {
            "Regions": {
                str(number): {
                    "RegionID": number,
                    "RegionCode": f"r{number}",
                    "RegionName": f"Region {number}",
                    "Nodes": [{"Name": f"{number}a", "RegionID": number} | node],
                }
                for number, node in regions
            }
        }
        | ({"HomeParams": {"RegionScore": scores}} if scores else {})
    )


HERE: tuple[int, dict[str, object]] = (900, {"HostName": "203.0.113.7", "DERPPort": 8443, "CertName": PIN})
OTHER: tuple[int, dict[str, object]] = (901, {"HostName": "other.example"})
OURS = derp_map(HERE)


def seen(home: str = "r900", theirs: DERPMap | None = None, *health: str, state: str = "Running") -> ClientSeen:
    return ClientSeen(state, home, health, theirs or derp_map(HERE, OTHER), OURS)


def codes(client: ClientSeen) -> list[str]:
    return [finding.code for finding in judge(client).findings]


def test_a_home_that_is_this_relay() -> None:
    """A client whose home is its own machine's relay, by pin or by address, is told where the map has others."""
    assert codes(seen()) == ["TH455"]
    for node in ({"HostName": "203.0.113.7", "DERPPort": 8443}, {"HostName": "x.example", "CertName": PIN}):
        assert codes(seen(theirs=derp_map((900, node), OTHER))) == ["TH455"]
    other = {"HostName": "203.0.113.7", "DERPPort": 443}
    assert codes(seen(theirs=derp_map((900, other), OTHER))) == []


def test_a_home_that_cannot_be_otherwise() -> None:
    """Where the map has no other region, or a score has been given, there is nothing to say."""
    assert codes(seen(theirs=derp_map(HERE))) == []
    assert codes(seen(theirs=derp_map(HERE, OTHER, scores={"900": 10.0}))) == []
    assert codes(seen(theirs=derp_map(HERE, OTHER, scores={"901": 10.0}))) == ["TH455"]


def test_a_home_that_is_out_of_its_reach() -> None:
    """A client that says it has no connection to its home is cut off, whatever the map has."""
    for theirs in (derp_map(HERE), derp_map(HERE, OTHER)):
        assert codes(seen("r900", theirs, "something else", CUT_OFF)) == ["TH454"]
    assert codes(seen("r901", derp_map(HERE, OTHER), CUT_OFF)) == []


@pytest.mark.parametrize(
    ("client", "outcome"),
    [
        (ClientSeen(), Outcome.OK),
        (seen(state="NeedsLogin"), Outcome.UNTESTED),
        (ClientSeen("Running", "r900", (), derp_map(HERE), None), Outcome.UNTESTED),
        (seen(home="r901"), Outcome.OK),
        (seen(home=""), Outcome.OK),
    ],
)
def test_what_cannot_be_said(client: ClientSeen, outcome: Outcome) -> None:
    """Without a client, without its tailnet or without a relay there is no finding."""
    judgement = judge(client)
    assert judgement.findings == []
    assert [step.outcome for step in judgement.steps] == [outcome]


def age(path: Path, whois: bytes, status: bytes) -> tuple[Finding, ...]:
    async def scenario() -> tuple[Finding, ...]:
        def respond(head: str, body: bytes) -> bytes:
            return whois if "/whois?" in head else status

        async with unix_http_server(path, respond):
            return await age_of_tailscaled(path)

    return run(scenario)


def test_one_that_does_not_know_the_question(tmp_path: Path) -> None:
    """A tailscaled that calls the question about its own key wrong is too old; one that answers it is not."""
    running = {"Version": "1.30.0-t1", "BackendState": "Running", "Self": {"PublicKey": OWN}}
    status = http_answer(json.dumps(running).encode())
    path = tmp_path / "sock"
    (found,) = age(path, http_answer(b"invalid 'addr' parameter\n", "400 Bad Request"), status)
    assert found.values == {"path": str(path), "version": "1.30.0-t1", "reason": "invalid 'addr' parameter"}
    assert age(path, http_answer(b"{}"), status) == ()
    assert age(path, http_answer(b"", "404 Not Found"), status) == ()
    assert age(path, http_answer(b"", "400 Bad Request"), http_answer(b'{"BackendState":"NeedsLogin"}')) == ()
    assert age(path, http_answer(b"", "400 Bad Request"), http_answer(b"<html>")) == ()
