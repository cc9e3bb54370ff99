"""What a line of a client's log says to a person: a finding with the line's own words where the log alone is its place.

Other codes are of checks that see more than a client says: of those there is the page, without values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tailhub.findings import CATALOGUE, Finding, Severity
from tailhub.findings import askers as askers_findings
from tailhub.findings.remark import Remark
from tailhub.tools.client_log.history import LogLine

__all__ = ["finding_of", "remark_of", "severity_of"]

_OWN: Mapping[str, Callable[[str, str], Finding]] = {
    "TH435": askers_findings.issuer_unknown,
    "TH436": askers_findings.name_not_served,
    "TH437": askers_findings.no_way_there,
    "TH438": askers_findings.accepts_then_silent,
    "TH439": askers_findings.closed_in_handshake,
    "TH440": askers_findings.pin_misspelt,
    "TH441": askers_findings.region_without_relay,
    "TH442": askers_findings.region_redefined,
    "TH443": askers_findings.relay_reports,
    "TH444": askers_findings.connection_intercepted,
    "TH445": askers_findings.control_unreachable,
    "TH446": askers_findings.home_flaps,
    "TH447": askers_findings.captive_portal,
    "TH448": askers_findings.client_offline,
    "TH449": askers_findings.error_not_known,
}


def finding_of(line: LogLine) -> Finding | None:
    """The finding that it is, with its words; None for a code of another check, and for a line without one."""
    make = _OWN.get(line.code)
    return make("" if line.region is None else str(line.region), line.said.rstrip(".")) if make is not None else None


def remark_of(line: LogLine) -> Remark:
    """What it says, in a clause."""
    return Remark(f"log_{line.name}", line.values)


def severity_of(line: LogLine) -> Severity:
    """How bad it is; a note where nothing is wrong, or is over."""
    if not line.is_trouble:
        return Severity.NOTE
    return CATALOGUE[line.code].severity if line.code in CATALOGUE else Severity.ERROR
