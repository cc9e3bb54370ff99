"""All that `tailhub config check` finds, how the relay is started, and whether its user may read what it names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tailhub import findings
from tailhub.certs.files import mode_and_owner
from tailhub.findings import Finding
from tailhub.findings import local as local_findings
from tailhub.findings.remark import Remark
from tailhub.net.container import container_user
from tailhub.server.config import RelayConfig
from tailhub.server.unit_file import is_below_home
from tailhub.settings.machine_checks import (
    CHECKS,
    check_certificates,
    check_verifiers,
    machine_findings,
)
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.one_step import say_together
from tailhub.tools.doctor.local.rights import may
from tailhub.tools.report import Judgement

__all__ = ["check", "judge", "out_of_reach"]

_STEP = "config"
_ELSEWHERE = (check_certificates, check_verifiers)  # looked at by other parts of the check
_PLANS = frozenset({"TH114"})  # not a fault: which of the challenges is used


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    if context.is_closed:
        judgement = Judgement()
        judgement.untested(_STEP, Remark("config_closed", {"account": context.account.name if context.account else ""}))
        return judgement
    found = await asyncio.to_thread(_look, context)
    file = context.settings.file if context.settings.is_read else None
    return judge(found, str(file or ""), context.unit.name if context.unit is not None else "")


def judge(found: Iterable[Finding], file: str, unit: str) -> Judgement:
    """What is wrong with the settings from `file` ("": none is read), which `unit` starts with."""
    judgement = Judgement()
    remark = Remark("config_file" if file else "config_none", {"file": file, "unit": unit})
    if not say_together(judgement, _STEP, (one for one in found if one.code not in _PLANS), remark):
        judgement.ok(_STEP, remark)
    return judgement


def _look(context: LocalContext) -> list[Finding]:
    config = replace(context.config, state_dir=context.state_dir)  # not the one that whoever looks would have
    known = [*context.faults, *context.settings.findings()]
    checks = [one for one in CHECKS if one not in _ELSEWHERE]
    return [*known, *machine_findings(config, checks), *_unreadable(context)]


def _unreadable(context: LocalContext) -> Iterator[Finding]:
    """Files that the configuration names, it itself among them, and that the relay's user may not read."""
    for path in dict.fromkeys(_files(context)):
        if (finding := out_of_reach(context, path)) is not None:
            yield finding


def _files(context: LocalContext) -> Iterator[Path]:
    if context.settings.is_read and context.settings.file is not None:
        yield context.settings.file
    config = context.config
    names = ("key_file", "mesh_key_file", "rate_config", "notify_file")
    yield from (path for name in names if (path := getattr(config, name)) is not None)
    yield from _of_tenants(config)


def _of_tenants(config: RelayConfig) -> Iterator[Path]:
    names = ("allow_list", "tailscale_client_secret_file", "tailscale_token_file", "headscale_api_key_file")
    for tenant in config.tenants:
        yield from (path for name in names if isinstance(path := getattr(tenant, name), Path))


def out_of_reach(context: LocalContext, path: Path) -> Finding | None:
    """Why the relay cannot read `path`, which is there; None if it can, or nobody knows."""
    unit = context.unit
    hides = unit is not None and (unit.is_on("ProtectHome") or unit.last("ProtectHome") == "tmpfs")
    if (
        unit is not None
        and hides
        and any(is_below_home(Path(one)) for one in (path.absolute(), os.path.realpath(path)))
    ):
        return local_findings.hidden_from_service(str(path), unit.name)
    if context.account is not None and may(context, path, "r") is False:
        return findings.file_unreadable(str(path), context.account.name, *mode_and_owner(path), container_user())
    return None
