"""``tailhub derpmap add``, ``remove`` and ``set``: a file changed in place, and what was changed in it shown."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tailhub import findings
from tailhub.cli.derpmap_make import tell
from tailhub.cli.derpmap_texts import TEXTS
from tailhub.cli.output import write_bytes
from tailhub.cli.screen import Line, Style, show
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language
from tailhub.findings import derp_map as derp_map_findings
from tailhub.findings.remark import Remark
from tailhub.tailcfg.derpmap import DERPMap
from tailhub.tailcfg.map_diff import Change, diff_maps
from tailhub.tailcfg.map_edit import (
    Syntax,
    add_region,
    apply_changes,
    find_region,
    node_names,
    remove_region,
    set_region_id,
)
from tailhub.tailcfg.map_words import OMIT, SCORE
from tailhub.tools.derpmap.fields import FIELDS, REGION_ID
from tailhub.tools.derpmap.making import field_remarks
from tailhub.tools.derpmap.map_file import Edited, edit_map_file

__all__ = ["add_map", "difference", "print_edit", "remove_regions", "set_fields", "show_edit"]

_OF = {field.name: field.of for field in FIELDS}


def add_map(name: str, make: Callable[[Sequence[int]], DERPMap], *, is_dry: bool, lang: Language) -> int:
    """Add the regions of a map; `make` makes it, given the ids that are taken."""

    def change(syntax: Syntax, text: str) -> str:
        from tailhub.tailcfg.map_edit import map_in

        derp_map = make(list(map_in(syntax, text).regions))
        for region in derp_map.regions.values():
            if region is not None:
                text = add_region(syntax, text, region)
        # All of it but the regions, which are there now: their scores.
        changes = [one for one in diff_maps(DERPMap(), derp_map) if one.field == SCORE or one.field == OMIT]
        return apply_changes(syntax, text, changes)

    return print_edit(name, change, is_dry=is_dry, lang=lang)


def remove_regions(name: str, regions: Sequence[str], *, is_dry: bool, lang: Language) -> int:
    """Take regions out, each by its id, code or name."""

    def change(syntax: Syntax, text: str) -> str:
        for region in regions:
            text = remove_region(syntax, text, region)
        return text

    return print_edit(name, change, is_dry=is_dry, lang=lang)


def set_fields(name: str, region: str, node: str, values: Mapping[str, Any], *, is_dry: bool, lang: Language) -> int:
    """Set fields of a region, or of one of its nodes; a value None takes the field out."""
    if not values:
        raise UsageError(findings.wrong_usage("expected a field to set, as in --derp-port 8443", "tailhub derpmap set"))
    if REGION_ID in values and values[REGION_ID] is None:
        raise UsageError(findings.wrong_usage("--region-id", "tailhub derpmap set", "lacking"))

    def change(syntax: Syntax, text: str) -> str:
        number = find_region(syntax, text, region)
        chosen = node
        if any(_OF[field] == "node" for field in values):
            chosen = _chosen_node(name, node_names(syntax, text, number), node)
        changes = [
            Change(number, chosen if _OF[field] == "node" else "", field, None, value)
            for field, value in values.items()
            if field != REGION_ID
        ]
        text = apply_changes(syntax, text, changes)
        return set_region_id(syntax, text, number, values[REGION_ID]) if REGION_ID in values else text

    code = print_edit(name, change, is_dry=is_dry, lang=lang)
    tell([remark.text(lang) for remark in field_remarks(values)], lang)
    return code


def print_edit(name: str, change: Callable[[Syntax, str], str], *, is_dry: bool, lang: Language) -> int:
    """Change a file and show what has changed; what came by standard input goes to standard output whole."""
    edited = edit_map_file(name, change, is_dry=is_dry)
    if name == "-" and not is_dry:
        write_bytes(edited.after.text.encode("utf-8", "surrogateescape"))
    else:
        show_edit(edited, lang, is_dry=is_dry)
    return 0


def show_edit(edited: Edited, lang: Language, *, is_dry: bool) -> None:
    """Print the lines that differ, and whether they were written."""
    words = TEXTS[lang]
    name = edited.before.origin
    if not edited.is_changed:
        show([Line(words["unchanged"].format(name=name), "good")], sys.stdout)
        return
    lines = list(difference(edited))
    done = "would_write" if is_dry else "written"
    show([*lines, Line(words[done].format(name=name), "good")], sys.stdout)


def difference(edited: Edited) -> Iterator[Line]:
    """The lines that differ, with two around them."""
    styles: dict[str, Style] = {"+": "good", "-": "error", "@": "dim"}
    before, after = (text.text.splitlines() for text in (edited.before, edited.after))
    for number, line in enumerate(difflib.unified_diff(before, after, lineterm="", n=2)):
        if number > 1:  # the first two name the files
            yield Line(line.replace("\t", "    "), styles.get(line[:1], ""))


def _chosen_node(name: str, names: Sequence[str], wanted: str) -> str:
    if wanted and wanted in names:
        return wanted
    if not wanted and len(names) == 1 and names[0]:
        return names[0]
    values = {"wanted": wanted, "names": ", ".join(names)}
    reason = Remark("map_no_node" if wanted else "map_which_node", values)
    raise MachineError(derp_map_findings.map_not_changed(name, reason))
