"""``tailhub doctor``: why does it not work? Prints what `tailhub.tools.doctor` found."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tailhub import findings
from tailhub.cli.output import write
from tailhub.exceptions import LocalError, UsageError
from tailhub.findings import Language
from tailhub.findings.texts import STEP_NAMES
from tailhub.tools.doctor.outside import examine
from tailhub.tools.map_source import TAILNET, read_map_text
from tailhub.tools.report import Report
from tailhub.tools.target import Target, host_target, map_targets

__all__ = ["check_from_outside"]


def check_from_outside(name: str, region: str, lang: Language) -> int:
    """Check the relays that `name` means; the exit code: 1 if an error was found."""
    reports = [asyncio.run(examine(target)) for target in targets(name, region)]
    for report in reports:
        write(_plain(report, lang))
    return 0 if all(report.is_healthy for report in reports) else 1


def targets(name: str, region: str) -> list[Target]:
    """What a person means by `name`: a host, or the relays of a map. Raises `UsageError`, `MachineError`."""
    is_map = name in ("-", TAILNET) or "://" in name or Path(name).exists()
    if is_map:
        return map_targets(read_map_text(name).derp_map(), name, region)
    try:
        return [host_target(name)]
    except LocalError as exc:
        raise UsageError(findings.wrong_usage(str(exc), "tailhub doctor")) from exc


def _plain(report: Report, lang: Language) -> str:
    lines = [report.subject]
    for finding in report.findings:
        lines += [f"{finding.severity.upper()} {finding.code}", finding.what(lang), finding.means(lang)]
        lines += [finding.remedy(lang), finding.now(lang), ""]
    for step in report.steps:
        remark = step.remark.text(lang) if step.remark else ""
        lines.append(f"  {step.outcome:12}{STEP_NAMES[step.name][lang == 'zh']:12}{remark} {step.code}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(check_from_outside(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "", "en"))
