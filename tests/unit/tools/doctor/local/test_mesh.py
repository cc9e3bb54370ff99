from __future__ import annotations

import json

from tailhub.findings import mesh_health, mesh_links
from tailhub.tools.doctor.local.mesh import judge
from tailhub.tools.report import Outcome
from tailhub.web.operator_api import finding_json


def test_without_a_mesh_nothing_is_said() -> None:
    """A relay that stands alone has no line about a mesh."""
    assert judge(None).steps == []


def test_what_the_relay_sees_is_told() -> None:
    """Each fault that the relay sees is a finding with its values; each link that is up is a line."""
    refused = mesh_health.mesh_not_dialled_back("b.example.com", "2030-01-01")
    up = {"name": "c.example.com", "state": "up", "keys": 7}
    judgement = judge(
        {"peers": [{"name": "b.example.com", "state": "refused"}, up], "troubles": [finding_json(refused)]}
    )
    assert judgement.findings == [refused]
    assert [step.outcome for step in judgement.steps] == [Outcome.WARNING, Outcome.OK]
    assert judgement.steps[1].remark is not None
    assert judgement.steps[1].remark.text("en") == "linked to c.example.com, clients there: 7"


def test_a_newer_relay() -> None:
    """A code that this version does not know is left out."""
    assert judge({"peers": [], "troubles": [{"code": "TH999", "values": {}}]}).steps == []


def test_a_reason_within_it() -> None:
    """What a link's own trouble says is told in the language of whoever reads it."""
    why = mesh_links.mesh_port_refused("b.example.com", "192.0.2.1:443")
    told = json.dumps(finding_json(mesh_health.mesh_link_refused("b.example.com", why)))
    (finding,) = judge({"troubles": [json.loads(told)]}).findings
    assert finding.what("zh") == f"{why.what('zh')}"
    assert finding.what("en") == f"{why.what('en')}"
