"""``tailhub derpmap make``, ``convert`` and ``diff``: maps printed in any form, and compared."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tailhub import findings
from tailhub.cli.derpmap_texts import TEXTS
from tailhub.cli.output import write
from tailhub.cli.screen import Line, columns_of, show
from tailhub.cli.text_layout import wrap
from tailhub.exceptions import LocalError, MachineError, TailhubError, UsageError
from tailhub.findings import Language
from tailhub.findings import derp_map as derp_map_findings
from tailhub.findings.remark import Remark
from tailhub.tailcfg.derpmap import DERPMap
from tailhub.tailcfg.map_diff import Change, diff_maps
from tailhub.tailcfg.map_words import OMIT
from tailhub.tools.derpmap.converting import FORMS, MapFormName, losses, merged, written
from tailhub.tools.derpmap.fields import FIELDS, REGION_ID
from tailhub.tools.derpmap.making import Entry, RelaySeen, make_entry, make_map
from tailhub.tools.map_source import read_map_text

__all__ = ["convert_map", "made_map", "print_diff", "print_made"]

_OF_ONE = ("HostName", "CertName", "IPv4", "IPv6")  # no two relays share these


def print_made(
    values: Mapping[str, Any],
    hosts: Sequence[str],
    beside: str,
    *,
    form: MapFormName,
    is_one_region: bool,
    omits: bool,
    lang: Language,
) -> int:
    """Print the map of these relays; what should be known of it goes to standard error."""
    taken = list(read_map_text(beside).derp_map().regions) if beside else []
    derp_map = made_map(values, hosts, taken, is_one_region=is_one_region, lang=lang)
    if omits and form == "yaml":
        tell([Remark("map_lost_headscale", {"names": OMIT}).text(lang)], lang)
    write(written(msgspec.structs.replace(derp_map, omit_default_regions=omits), form))
    return 0


def made_map(
    values: Mapping[str, Any], hosts: Sequence[str], taken: Sequence[int], *, is_one_region: bool, lang: Language
) -> DERPMap:
    """Ask the `hosts` and make a map of them, or of `values` alone. Raises `UsageError`, `MachineError`."""
    values = dict(values)
    given = [field.flag for field in FIELDS if field.name in _OF_ONE and field.name in values]
    if len(hosts) > 1 and given:
        raise UsageError(findings.wrong_usage(f"{given[0]}: of one relay", "tailhub derpmap make"))
    seen: list[RelaySeen | None] = [*asyncio.run(_look_at(hosts))] if hosts else [None]
    entries: list[Entry] = []
    numbers = list(taken)
    try:
        for one in seen:
            entry = make_entry(values, one, [] if is_one_region and entries else numbers)
            entries.append(entry)
            numbers.append(entry.region.region_id)
            if is_one_region:
                values[REGION_ID] = entry.region.region_id
    except LocalError as exc:
        raise UsageError(findings.wrong_usage(str(exc), "tailhub derpmap make")) from exc
    tell(dict.fromkeys(remark.text(lang) for entry in entries for remark in entry.remarks), lang)
    return make_map(entries)


def convert_map(name: str, form: str, into: str, *, is_dry: bool, lang: Language) -> int:
    """Print a map in another form, or put it in the place of the one in a file."""
    source = read_map_text(name)
    derp_map = source.derp_map()
    if into:
        from tailhub.cli.derpmap_edit import print_edit

        target: MapFormName = "yaml" if into.endswith((".yaml", ".yml")) else "json"
        tell([remark.text(lang) for remark in losses(source, target)], lang)
        return print_edit(into, lambda syntax, text: merged(syntax, text, derp_map), is_dry=is_dry, lang=lang)
    chosen = next((one for one in FORMS if one == form), None)
    if chosen is None:
        raise UsageError(findings.wrong_usage(f"--to {form}", "tailhub derpmap convert", "unknown", FORMS))
    tell([remark.text(lang) for remark in losses(source, chosen)], lang)
    write(written(derp_map, chosen))
    return 0


def print_diff(before: str, after: str, *, as_json: bool, lang: Language) -> int:
    """Print how two maps differ; the exit code: 0 if they do not."""
    changes = diff_maps(*(read_map_text(name).derp_map() for name in (before, after)))
    if as_json:
        write(json.dumps([msgspec.to_builtins(one) for one in changes], indent=1, ensure_ascii=False) + "\n")
    else:
        show(list(diff_lines(changes, lang)), sys.stdout)
    return 1 if changes else 0


def diff_lines(changes: Sequence[Change], lang: Language) -> Iterator[Line]:
    """One line a difference, by region and node."""
    words = TEXTS[lang]
    if not changes:
        yield Line(words["same"], "good")
    for one in changes:
        where = [words["region"].format(region=one.region)] if one.region else []
        where += [words["node"].format(node=one.node)] if one.node else []
        where += [one.field] if one.field else []
        subject = words["comma"].join(where)
        if one.before is None:
            yield Line(f"+ {subject}: {_value(one.after, words)}", "good")
        elif one.after is None:
            yield Line(f"- {subject}: {_value(one.before, words)}", "error")
        else:
            yield Line(f"~ {subject}: {_value(one.before, words)} → {_value(one.after, words)}", "warning")


def tell(texts: Sequence[str] | Mapping[str, None], lang: Language) -> None:
    """Remarks, on standard error: standard output may be a file."""
    for text in texts:
        parts = wrap(TEXTS[lang]["note"].format(text=text), columns_of(sys.stderr))
        show([Line(part, "dim") for part in parts], sys.stderr)


def _value(value: Any, words: Mapping[str, str]) -> str:
    if value is False:
        return words["null_region"]
    return json.dumps(value, ensure_ascii=False)


async def _look_at(hosts: Sequence[str]) -> list[RelaySeen]:
    from tailhub.tools.derpmap.asking import look_at_relay

    async def one(host: str) -> RelaySeen:
        try:
            return await look_at_relay(host)
        except LocalError as exc:
            raise UsageError(findings.wrong_usage(str(exc), "tailhub derpmap make")) from exc
        except (OSError, TailhubError) as exc:
            reason = str(exc) or type(exc).__name__
            raise MachineError(derp_map_findings.relay_not_asked(host, reason)) from exc

    return list(await asyncio.gather(*map(one, hosts)))
