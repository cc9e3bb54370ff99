"""Do two machines use one node key? The relay that runs knows who is connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tailhub.findings import askers as askers_findings
from tailhub.findings.remark import Remark
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["check", "judge"]

_STEP = "duplicates"
TWO_KEEP_ALIVES_S = 130.0  # a client that has left its network does not confirm the next one that is sent to it there
_SHOWN = 5


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    if context.relay is None:
        judgement = Judgement()
        judgement.untested(_STEP, Remark("relay_not_asked" if context.is_hidden else "no_relay_runs"))
        return judgement
    settled_s = TWO_KEEP_ALIVES_S + context.config.tcp_user_timeout_s
    return judge(context.relay.checkup.get("duplicates"), settled_s)


def judge(duplicates: Sequence[Mapping[str, Any]] | None, settled_s: float) -> Judgement:
    """What it means; `duplicates` is what the relay says (`tailhub.server.checkup_actions`), None if it says nothing.

    Connections that have been there together for less than `settled_s` may be of one machine whose network changed.
    """
    judgement = Judgement()
    if duplicates is None:
        judgement.untested(_STEP, Remark("relay_does_not_say"))
        return judgement
    lasting = [one for one in duplicates if float(one.get("together_s", 0.0)) >= settled_s]
    if lasting:
        keys = [_shown(one) for one in lasting[:_SHOWN]] + (["…"] if len(lasting) > _SHOWN else [])
        judgement.found(_STEP, askers_findings.key_used_twice("; ".join(keys), len(lasting)))
    elif duplicates:
        judgement.ok(_STEP, Remark("duplicates_passing", {"count": len(duplicates)}))
    else:
        judgement.ok(_STEP, Remark("no_duplicates"))
    return judgement


def _shown(one: Mapping[str, Any]) -> str:
    name = f" {one['name']}" if one.get("name") else ""
    return f"{one.get('short', '')}{name} ({', '.join(map(str, one.get('addresses', ())))})"
