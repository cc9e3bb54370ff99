from __future__ import annotations

from tailhub.findings import mesh_health
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
