"""What can be wrong and what to do about it: stable codes, texts in English and Chinese. No I/O.

Make a `Finding` with the function named after what was found, ``findings.port_taken(…)``; raise it in a `UsageError` or
`MachineError`, or show it with ``finding.render(lang)``. `catalogue` lists all codes.
"""

from __future__ import annotations

from tailhub.findings.address import (
    address_changed,
    address_unknown,
    container_bridge,
    host_name_elsewhere,
    ipv6_only,
    no_dns,
    not_reachable,
    other_addresses,
    sources_disagree,
    stun_private_sources,
)
from tailhub.findings.asking import (
    bad_address,
    bad_home,
    bad_host_name,
    bad_language,
    bad_port,
    bad_region_id,
    option_needs_other,
)
from tailhub.findings.catalogue import CATALOGUE, Entry, Severity
from tailhub.findings.certificate import (
    certificate_expired,
    certificate_half,
    certificate_not_yet_valid,
    key_encrypted,
    key_mismatch,
    name_needs_new_pin,
    not_pem,
    pin_expires_soon,
)
from tailhub.findings.finding import Finding
from tailhub.findings.language import Language, choose_language
from tailhub.findings.listening import (
    Program,
    address_not_here,
    cannot_listen,
    descriptor_limit_low,
    family_missing,
    malformed_address,
    port_needs_privilege,
    port_taken,
)
from tailhub.findings.machine import (
    clock_before_build,
    file_trouble,
    platform_unsupported,
    relay_not_found,
)
from tailhub.findings.state import (
    file_missing,
    file_unreadable,
    mesh_key_malformed,
    other_state,
    relay_key_malformed,
    secret_readable_by_others,
    state_locked,
    state_not_a_directory,
    state_not_a_mount,
    state_not_writable,
)

__all__ = [
    "CATALOGUE",
    "Entry",
    "Finding",
    "Language",
    "Program",
    "Severity",
    "address_changed",
    "address_not_here",
    "address_unknown",
    "bad_address",
    "bad_home",
    "bad_host_name",
    "bad_language",
    "bad_port",
    "bad_region_id",
    "cannot_listen",
    "certificate_expired",
    "certificate_half",
    "certificate_not_yet_valid",
    "choose_language",
    "clock_before_build",
    "container_bridge",
    "descriptor_limit_low",
    "family_missing",
    "file_missing",
    "file_trouble",
    "file_unreadable",
    "host_name_elsewhere",
    "ipv6_only",
    "key_encrypted",
    "key_mismatch",
    "malformed_address",
    "mesh_key_malformed",
    "name_needs_new_pin",
    "no_dns",
    "not_pem",
    "not_reachable",
    "option_needs_other",
    "other_addresses",
    "other_state",
    "pin_expires_soon",
    "platform_unsupported",
    "port_needs_privilege",
    "port_taken",
    "relay_key_malformed",
    "relay_not_found",
    "secret_readable_by_others",
    "sources_disagree",
    "state_locked",
    "state_not_a_directory",
    "state_not_a_mount",
    "state_not_writable",
    "stun_private_sources",
]
