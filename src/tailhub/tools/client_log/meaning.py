"""What a line of a client's log says to a person: a clause, how bad it is, and the finding that it means.

Some codes are the log's own; others are of checks that see more than a client says.
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
    "TH457": askers_findings.proxy_refuses,
    "TH458": askers_findings.client_not_let_in,
}


def finding_of(line: LogLine) -> Finding:
    """The finding that a line with a code means, with the client's words.

    Of another check's code it is the form that is true of any case, with words in capitals for what a client does not
    say: what was found (`Finding.what`) is then not to be shown.
    """
    if (make := _OWN.get(line.code)) is not None:
        return make("" if line.region is None else str(line.region), line.said.rstrip("."))
    from tailhub.findings.examples import usual

    known: dict[str, object] = {**line.values}
    if line.code == "TH027":  # whose page it is, is not known
        known["unknown"] = True
    elif line.code == "TH404":
        known["dead"] = line.name == "fell_silent"
    return usual(line.code, known)


def remark_of(line: LogLine) -> Remark:
    """What it says, in a clause."""
    return Remark(f"log_{line.name}", line.values)


def severity_of(line: LogLine) -> Severity:
    """How bad it is; a note where nothing is wrong, or is over."""
    return CATALOGUE[line.code].severity if line.is_trouble else Severity.NOTE
