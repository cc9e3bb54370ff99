"""The texts of all findings by code: what was expected and found, and what to do, in English and in Chinese.

A topic is a module of `tailhub.findings`; its texts are in the module of the same name here, both languages in one
file. The template language is that of `tailhub.findings.finding`; a language's codes, values and commands are those of
the other. Commands stand in backticks, whole, ready to copy. Only what renders a finding imports this.

A topic may have `REMARKS` too: what a check says where nothing is wrong (`tailhub.findings.remark`); and `STEPS`: what
the steps of a check are called in its table.
"""

from __future__ import annotations

from tailhub.findings.text import Text
from tailhub.findings.texts import (
    access,
    acme,
    address,
    allow,
    askers,
    asking,
    certificate,
    checking,
    choosing,
    derp_map,
    device_api,
    fronts,
    limits,
    listening,
    local,
    log,
    machine,
    map_faults,
    map_push,
    mesh_health,
    mesh_links,
    mesh_peers,
    notify,
    original,
    pages,
    pages_process,
    probing,
    rate,
    reach,
    region,
    region_plan,
    region_restart,
    relaying,
    reload,
    service,
    settings,
    state,
    steering,
    store,
    tenants,
    tls,
    upkeep,
    watching,
)

TOPICS = (
    access,
    acme,
    address,
    allow,
    askers,
    asking,
    certificate,
    checking,
    choosing,
    derp_map,
    device_api,
    fronts,
    limits,
    listening,
    local,
    log,
    machine,
    map_faults,
    map_push,
    mesh_health,
    mesh_links,
    mesh_peers,
    notify,
    original,
    pages,
    pages_process,
    probing,
    rate,
    reach,
    region,
    region_plan,
    region_restart,
    relaying,
    reload,
    service,
    settings,
    state,
    steering,
    store,
    tenants,
    tls,
    upkeep,
    watching,
)

ENGLISH: dict[str, Text] = {code: Text(*text) for topic in TOPICS for code, text in topic.ENGLISH.items()}
"""Code to texts."""

CHINESE: dict[str, Text] = {code: Text(*text) for topic in TOPICS for code, text in topic.CHINESE.items()}
"""The same in Chinese."""

REMARKS: dict[str, tuple[str, str]] = {
    key: texts for topic in TOPICS for key, texts in getattr(topic, "REMARKS", {}).items()
}
"""Key of a remark to its English and its Chinese text."""

STEP_NAMES: dict[str, tuple[str, str]] = {
    key: names for topic in TOPICS for key, names in getattr(topic, "STEPS", {}).items()
}
"""Key of a step to what it is called in English and in Chinese, in at most 12 columns."""
