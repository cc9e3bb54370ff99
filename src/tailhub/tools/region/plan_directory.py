"""A region's plan in a directory: keys and certificates made once, files written where they differ. Blocks.

``mesh.key`` is the region's, and each node's directory has what that node needs, to be copied there. What is there and
was not written by a plan is left alone; a key or a certificate that is there is never made anew unasked.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from tailhub import findings
from tailhub.certs.files import Certificate, read_file
from tailhub.exceptions import LocalError, MachineError, UsageError
from tailhub.findings import Finding, Severity, region_plan
from tailhub.keys import MeshKey
from tailhub.server.file_edit import replace_file
from tailhub.server.pinned_pair import ensure_pair, load_pinned
from tailhub.server.state import mesh_keys
from tailhub.server.state_files import alone_in
from tailhub.settings.merge import settings_of
from tailhub.tailcfg.derpmap import parse_json
from tailhub.tailcfg.map_words import PIN_PREFIX
from tailhub.tools.derpmap.lint import lint_findings
from tailhub.tools.map_source import MapText
from tailhub.tools.region.description import PINNED, NodeDescription, RegionDescription, read_description
from tailhub.tools.region.plan import (
    CERT_FILE,
    CONFIG_FILE,
    KEY_FILE,
    MAP_FILE,
    MESH_KEY,
    SCRIPT,
    PlannedFile,
    configuration,
    is_ours,
    key_lines,
    plan_faults,
    planned_files,
)

__all__ = ["KeyWish", "Outcome", "WrittenFile", "load_description", "plan_region", "read_mesh_keys"]

KeyWish = Literal["keep", "new", "drop"]
"""What becomes of the mesh key: it stays; a new one is put before it; the old one goes."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What has become of a file, `path` in the plan's directory; `difference` has lines that begin with + or -."""

    path: str
    state: Literal["new", "changed", "same"]
    difference: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a plan has done. `others` are directories of no node, which may be those of former ones."""

    files: tuple[WrittenFile, ...]
    keys: int  # mesh keys: two while they are changed
    notes: tuple[Finding, ...] = ()
    others: tuple[str, ...] = ()
    pins: Mapping[str, str] = field(default_factory=dict)  # of the certificates made here, by node


def load_description(path: Path) -> tuple[RegionDescription, list[Finding]]:
    """Read a description; what is wrong with it is all in the findings. Raises `MachineError` if it cannot be read."""
    plan, faults = read_description(read_file(path, "REGION.toml"), path)
    if not faults:
        faults += plan_faults(plan)
    if not faults:
        faults += [fault for node in plan.nodes for fault in _refused_settings(plan, node)]
    return plan, faults


def read_mesh_keys(plan: RegionDescription, directory: Path) -> list[MeshKey]:
    """The keys of the region, the newest first; none: it has none yet. Raises `MachineError`."""
    # If the region's own is lost: a derper has one key of two.
    nodes = sorted(plan.nodes, key=lambda node: node.kind == "derper")
    for path in (directory / MESH_KEY, *(directory / node.name / MESH_KEY for node in nodes)):
        if os.path.lexists(path):
            return list(mesh_keys(path, MESH_KEY)[0])
    return []


def plan_region(plan: RegionDescription, directory: Path, wish: KeyWish, now: datetime) -> Outcome:
    """Write what is new. Raises `MachineError` or `UsageError`, before anything is written where that can be."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_in(directory):
            keys = _keys(read_mesh_keys(plan, directory), wish)
            _look_for_strangers(plan, directory)
            for node in plan.nodes:
                (directory / node.name).mkdir(mode=0o700, exist_ok=True)
            # The region's own first: whatever comes next, the key is not lost.
            written = [_put(directory, PlannedFile(MESH_KEY, key_lines(keys), secret=True))]
            written += _pairs_to_come(plan, directory)
            pairs, notes = _pairs(plan, directory, now)
            files, _ = planned_files(plan, keys, pairs)
            for file in files:
                (directory / file.path).parent.mkdir(mode=0o700, exist_ok=True)
                written.append(_put(directory, file))
    except (FileExistsError, NotADirectoryError) as exc:
        raise MachineError(region_plan.no_plan_directory(exc.filename or str(directory))) from exc
    except OSError as exc:
        raise MachineError(findings.file_trouble(exc.filename or str(directory), exc.strerror or str(exc))) from exc
    text = files[-1].data.decode()
    linted = lint_findings(MapText(text, "hujson", str(directory / MAP_FILE)))
    notes += [one.finding for one in linted if one.finding.severity is not Severity.NOTE]
    pins = {name: pair.pin for name, pair in pairs.items()}
    return Outcome(tuple(written), len(keys), tuple(notes), tuple(_others(plan, directory)), pins)


def _keys(there: Sequence[MeshKey], wish: KeyWish) -> list[MeshKey]:
    if wish == "new" and len(there) == 2:
        raise UsageError(region_plan.region_keys_changing("--new-key", "--drop-old-key"))
    if wish == "drop" and len(there) != 2:
        raise UsageError(region_plan.region_keys_changing("--drop-old-key", "--new-key"))
    if wish == "drop":
        return [there[0]]
    if wish == "new" or not there:
        return [MeshKey.generate(), *there]
    return list(there)


def _look_for_strangers(plan: RegionDescription, directory: Path) -> None:
    """Raises `MachineError` for a file that would be overwritten, and is not ours or not as we wrote it."""
    for node in plan.nodes:
        path = directory / node.name / (CONFIG_FILE if node.kind == "tailhub" else SCRIPT)
        if os.path.lexists(path) and not is_ours(read_file(path, node.name)):
            raise MachineError(region_plan.region_file_in_the_way(str(path)))
    path = directory / MAP_FILE
    if os.path.lexists(path) and not _is_of_one_region(read_file(path, MAP_FILE)):
        raise MachineError(region_plan.region_file_in_the_way(str(path)))


def _is_of_one_region(data: bytes) -> bool:
    """Is this a map as a plan writes it, and not one that somebody has put together?"""
    try:
        return len(parse_json(data).regions) == 1
    except LocalError:
        return False


def _refused_settings(plan: RegionDescription, node: NodeDescription) -> Iterator[Finding]:
    """What the relay would say of its configuration."""
    if node.kind == "tailhub":
        some = {one.name: PIN_PREFIX + 64 * "0" for one in plan.nodes if one.certificate == PINNED}
        text = configuration(plan, node, some)
        for finding in settings_of(text.encode(), Path(node.name, CONFIG_FILE)).findings():
            yield region_plan.region_node_refused(node.place, node.name, finding)


def _pairs_to_come(plan: RegionDescription, directory: Path) -> Iterator[WrittenFile]:
    """The files of certificates that are not there yet."""
    for node in plan.nodes:
        for name in (CERT_FILE, KEY_FILE):
            if node.certificate == PINNED and not os.path.lexists(directory / node.name / name):
                yield WrittenFile(f"{node.name}/{name}", "new")


def _pairs(plan: RegionDescription, directory: Path, now: datetime) -> tuple[dict[str, Certificate], list[Finding]]:
    """The certificates that clients pin, made where there is none yet."""
    pairs: dict[str, Certificate] = {}
    notes: list[Finding] = []
    for node in plan.nodes:
        if node.certificate != PINNED:
            continue
        own_name = f"relay-{plan.region_id}-{node.name}.tailhub.invalid".lower()
        names = [own_name] if node.is_address else [node.host, own_name]
        ips = {*node.addresses, *([node.host] if node.is_address else [])}
        place = directory / node.name
        _, found = ensure_pair(place, "", names, sorted(ips), now)
        pairs[node.name] = pair = load_pinned(place)
        notes += found
        if not node.is_address and not pair.covers(node.host):
            notes.append(findings.name_needs_new_pin(str(place / "pinned.crt"), node.host, pair.names))
    return pairs, notes


def _put(directory: Path, file: PlannedFile) -> WrittenFile:
    """Write a file if it differs. Raises `OSError`."""
    path = directory / file.path
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        before = None
    mode = 0o600 if file.secret else 0o755 if file.executable else 0o644
    if before != file.data:
        replace_file(path, file.data)
        if before is None:
            path.chmod(mode)
    if file.secret and path.stat().st_mode & 0o777 != mode:
        path.chmod(mode)
    if before is None:
        return WrittenFile(file.path, "new")
    if before == file.data:
        return WrittenFile(file.path, "same")
    is_text = not file.secret and not file.path.endswith(".crt")
    return WrittenFile(file.path, "changed", tuple(_difference(before, file.data)) if is_text else ())


def _difference(before: bytes, after: bytes) -> Iterator[str]:
    """The lines that went and came, but for those that are about the file itself."""
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (before, after))
    for line in list(difflib.unified_diff(old, new, n=0, lineterm=""))[2:]:
        if line[0] in "+-" and not line[1:].startswith("# sum "):
            yield line


def _others(plan: RegionDescription, directory: Path) -> Iterable[str]:
    names = {node.name for node in plan.nodes}
    return sorted(path.name for path in directory.iterdir() if path.is_dir() and path.name not in names)
