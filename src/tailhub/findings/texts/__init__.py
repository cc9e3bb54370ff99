"""The texts of all findings by code: what was expected and found, and what to do, in English and in Chinese.

A topic is a module of `tailhub.findings`; its texts are in the module of the same name here, both languages in one
file. The template language is that of `tailhub.findings.finding`; a language's codes, values and commands are those of
the other. Commands stand in backticks, whole, ready to copy. Only what renders a finding imports this.
"""

from __future__ import annotations

from tailhub.findings.texts import (
    access,
    acme,
    address,
    allow,
    asking,
    certificate,
    device_api,
    fronts,
    limits,
    listening,
    log,
    machine,
    notify,
    original,
    pages,
    pages_process,
    rate,
    reload,
    service,
    settings,
    state,
    steering,
    store,
    tenants,
    upkeep,
    watching,
)

TOPICS = (
    access,
    acme,
    address,
    allow,
    asking,
    certificate,
    device_api,
    fronts,
    limits,
    listening,
    log,
    machine,
    notify,
    original,
    pages,
    pages_process,
    rate,
    reload,
    service,
    settings,
    state,
    steering,
    store,
    tenants,
    upkeep,
    watching,
)

ENGLISH: dict[str, tuple[str, str]] = {code: text for topic in TOPICS for code, text in topic.ENGLISH.items()}
"""Code to (what, remedy)."""

CHINESE: dict[str, tuple[str, str]] = {code: text for topic in TOPICS for code, text in topic.CHINESE.items()}
"""The same in Chinese."""
