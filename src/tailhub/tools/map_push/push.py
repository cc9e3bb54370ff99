"""Pushes a relay's region: reads what stands there, changes the relay's own fields in place, writes it back. I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import derp_map as derp_map_findings
from tailhub.findings import map_push as findings
from tailhub.tailcfg.derpmap import DERPMap, DERPRegion
from tailhub.tailcfg.hujson import HuJSONError
from tailhub.tailcfg.map_edit import apply_changes, map_in
from tailhub.tools.map_push.memory import last_pushed, note_pushed
from tailhub.tools.map_push.places import Place, PolicyText
from tailhub.tools.map_push.update import Update, plan_update
from tailhub.tools.map_source import MapText, hujson_finding

__all__ = ["Prepared", "commit", "own_region", "prepare"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What would be written. `after` is the same as before where nothing has to change."""

    place: Place
    region: DERPRegion
    before: PolicyText
    after: MapText
    update: Update

    @property
    def is_changed(self) -> bool:
        """Is there anything to write?"""
        return self.after.text != self.before.text.text

    def refuse_conflicts(self) -> None:
        """Raises `MachineError` if it would undo what somebody else has done."""
        if self.update.conflicts:
            fields = ", ".join(
                change.field or (change.node and "Nodes") or "Regions" for change in self.update.conflicts
            )
            raise MachineError(findings.region_changed_elsewhere(self.place.name, self.region.region_id, fields))


def own_region(derp_map: DERPMap) -> DERPRegion:
    """The one region of a relay's own map, with its one node. Raises `LocalError`."""
    regions = [region for region in derp_map.regions.values() if region is not None]
    if len(regions) != 1 or len(regions[0].nodes) != 1:
        raise LocalError("expected a map with one region of one relay")
    return regions[0]


async def prepare(place: Place, region: DERPRegion, state_dir: Path | None = None) -> Prepared:
    """Read what stands there and change that in memory. `state_dir` knows the last push. Raises `MachineError`."""
    before = await place.read()
    last = last_pushed(state_dir, place.name) if state_dir is not None else None
    text, syntax = before.text.text, before.text.syntax
    try:
        update = plan_update(map_in(syntax, text), region, last)
        after = apply_changes(syntax, text, update.changes)
    except HuJSONError as exc:
        raise MachineError(hujson_finding(place.name, exc)) from exc
    except LocalError as exc:
        raise MachineError(derp_map_findings.map_unreadable(place.name, str(exc))) from exc
    return Prepared(place, region, before, MapText(after, before.text.form, place.name), update)


async def commit(prepared: Prepared, state_dir: Path | None = None) -> None:
    """Write it, and remember it. Raises `MachineError`; nothing has changed then."""
    if prepared.is_changed:
        await prepared.place.write(prepared.before, prepared.after.text)
    if state_dir is None:
        return
    try:
        note_pushed(state_dir, prepared.place.name, prepared.region)
    except OSError as exc:
        raise MachineError(findings.map_push_failed(str(state_dir), exc.strerror or str(exc))) from exc
