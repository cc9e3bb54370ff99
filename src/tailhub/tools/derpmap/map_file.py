"""A policy or map file that is changed: read, and replaced whole, unless somebody else has written it meanwhile.

Mode and owner stay, and where a link leads to is replaced, not the link. ``-`` is standard input, and standard output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import derp_map as derp_map_findings
from tailhub.findings.remark import Remark
from tailhub.server.file_edit import replace_file, target_of, trace
from tailhub.server.state_files import alone_in
from tailhub.tailcfg.hujson import HuJSONError
from tailhub.tailcfg.map_edit import EditError, Syntax
from tailhub.tools.map_source import MapText, hujson_finding, is_file, read_map_text

__all__ = ["Edited", "edit_map_file"]


@dataclass(frozen=True, slots=True)
class Edited:
    """A file before and after a change."""

    before: MapText
    after: MapText

    @property
    def is_changed(self) -> bool:
        """Is there any difference?"""
        return self.before.text != self.after.text


def edit_map_file(name: str, change: Callable[[Syntax, str], str], *, is_dry: bool = False) -> Edited:
    """Give the text of a file to `change` and write what comes back, unless `is_dry`. Blocks.

    For ``-`` nothing is written: whoever calls has the new text. Raises `MachineError`.
    """
    if name == "-":
        return _edited(read_map_text("-"), change)
    if not is_file(name):
        raise MachineError(derp_map_findings.map_not_changed(name, Remark("map_no_file")))
    path = Path(name).expanduser()
    try:
        if is_dry:
            return _edited(read_map_text(name), change)
        with alone_in(target_of(path).parent):  # no other command of ours is at it; an editor may be
            seen = trace(path)
            edited = _edited(read_map_text(name), change)
            if trace(path) != seen:
                raise MachineError(derp_map_findings.map_changed_meanwhile(name))
            if edited.is_changed:
                replace_file(path, edited.after.text.encode("utf-8", "surrogateescape"))
            return edited
    except OSError as exc:
        raise MachineError(derp_map_findings.map_not_changed(name, exc.strerror or str(exc))) from exc


def _edited(before: MapText, change: Callable[[Syntax, str], str]) -> Edited:
    try:
        text = change(before.syntax, before.text)
    except HuJSONError as exc:
        raise MachineError(hujson_finding(before.origin, exc)) from exc
    except EditError as exc:
        raise MachineError(derp_map_findings.map_not_changed(before.origin, _reason(exc))) from exc
    except LocalError as exc:
        raise MachineError(derp_map_findings.map_not_changed(before.origin, str(exc))) from exc
    return Edited(before, MapText(text, before.form, before.origin))


def _reason(error: EditError) -> Remark:
    return Remark(f"map_{error.trouble}", {"wanted": error.wanted, "names": ", ".join(error.names)})
