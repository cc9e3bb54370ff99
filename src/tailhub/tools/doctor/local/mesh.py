"""Is the mesh of the region whole? The relay that runs knows its own links, and who links to whom of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tailhub.findings import CATALOGUE
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement
from tailhub.web.operator_api import finding_of

__all__ = ["check", "judge"]

_STEP = "mesh"


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    if context.relay is not None:
        return judge(context.relay.checkup.get("mesh"))
    judgement = Judgement()
    if context.config.mesh_with:
        judgement.untested(_STEP, Remark("relay_not_asked" if context.is_hidden else "no_relay_runs"))
    return judgement


def judge(mesh: Mapping[str, Any] | None) -> Judgement:
    """What it means; `mesh` is what the relay says (`tailhub.server.checkup_actions`), None where it has none."""
    judgement = Judgement()
    if mesh is None:
        return judgement
    for one in mesh.get("troubles", ()):
        if one.get("code") in CATALOGUE:  # a newer relay may know of more
            judgement.found(_STEP, finding_of(one))
    for one in mesh.get("peers", ()):
        if one.get("state") == "up":
            judgement.ok(_STEP, Remark("mesh_link_up", {"peer": one.get("name", ""), "clients": one.get("keys", 0)}))
    return judgement
