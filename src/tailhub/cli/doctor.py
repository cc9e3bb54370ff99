"""``tailhub doctor``: why does it not work? Flags into targets and options; what is printed is in `report_screen`."""

from __future__ import annotations

import asyncio
import platform
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import tailhub
from tailhub import findings
from tailhub.cli.output import write
from tailhub.cli.report_texts import TEXTS
from tailhub.exceptions import LocalError, MachineError, UsageError
from tailhub.findings import CATALOGUE, Language, checking, printable
from tailhub.tailcfg.region_id import FIRST_USER_REGION
from tailhub.tools.report import Report
from tailhub.tools.target import Target, host_target, map_targets

if TYPE_CHECKING:
    from tailhub.keys import MeshKey
    from tailhub.tools.doctor.seen import Options
    from tailhub.tools.map_source import MapText

__all__ = [
    "Asked",
    "Form",
    "check_from_outside",
    "check_here",
    "check_unreadable",
    "explain_code",
    "find_targets",
    "form_of",
    "masked",
    "mesh_keys_of",
    "options_of",
]

MAX_TARGETS = 64  # of one call: a map with all of Tailscale's regions has more, and none of them is the user's

T = TypeVar("T")


class _Tell(Protocol):
    def __call__(self, part: str, of: str = ..., /) -> None: ...


Form = str
"""How it is printed: ``screen``, ``json`` or ``share``."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be looked at: relays, and the map that they are from; none of them if it cannot be read."""

    targets: Sequence[Target]
    map_text: MapText | None = None

    def relays(self) -> Sequence[Target]:
        """The relays. Raises `MachineError` if their map cannot be read."""
        if not self.targets and self.map_text is not None:
            self.map_text.derp_map()
        return self.targets


def form_of(*, as_json: bool, to_share: bool) -> Form:
    """The form that two options ask for. Raises `UsageError` for both."""
    if as_json and to_share:
        raise UsageError(findings.options_exclude("--json", "--share"))
    return "json" if as_json else "share" if to_share else "screen"


def check_from_outside(asked: Asked, options: Options, mesh_keys: Sequence[MeshKey], form: Form, lang: Language) -> int:
    """Look at each relay and between those of one region, print, and give the exit code: 1 if an error was found.

    Raises `UsageError` for mesh keys without a region that could be a mesh.
    """
    from tailhub.tools.doctor.mapped import with_map
    from tailhub.tools.doctor.outside import examine_all
    from tailhub.tools.region import regions_of_several, with_regions

    targets = asked.targets
    if mesh_keys and not regions_of_several(targets):
        raise UsageError(checking.no_region_of_several(targets[0].origin or str(targets[0]), ""))

    async def look(tell: _Tell) -> list[Report]:
        reports = await examine_all(targets, options, lambda one, part: tell(part, str(one)))
        return await with_regions(reports, targets, mesh_keys, lambda region: tell("region_links", region))

    reports = _run(look, "", form, lang)
    if asked.map_text is not None:
        reports = with_map(reports, targets, asked.map_text)
    titles = [_title(target, lang) for target in targets]
    names = [name for target in targets for name in _names(target)]
    return _print(reports, titles, names, form, lang)


def check_here(config_file: str | None, state_dir: Path | None, form: Form, lang: Language) -> int:
    """Look at the relay's own machine, print, and give the exit code. Raises `MachineError` where no relay can run."""
    if not hasattr(socket, "AF_UNIX"):
        raise MachineError(findings.platform_unsupported(sys.platform))
    from tailhub.tools.doctor.local.context import local_context
    from tailhub.tools.doctor.local.inside import examine_local

    context = local_context(config_file, state_dir)
    words = TEXTS[lang]
    report = _run(lambda tell: examine_local(context, tell), words["local"], form, lang)
    names = [platform.node(), *filter(None, [context.config.hostname])]
    return _print([report], [f"tailhub doctor --local   {words['local']}"], names, form, lang)


def explain_code(code: str, *, as_json: bool, lang: Language) -> int:
    """Print the page of a code."""
    known = code.upper()
    if known not in CATALOGUE:
        near = [one for one in CATALOGUE if one.endswith(code[-3:])]
        raise UsageError(findings.wrong_usage(code, "tailhub doctor --explain", "unknown", near))
    from tailhub.cli.report_json import code_json
    from tailhub.cli.report_screen import code_lines
    from tailhub.cli.screen import columns_of, show

    if as_json:
        write(code_json(known, lang))
    else:
        show(list(code_lines(known, lang, columns_of(sys.stdout))), sys.stdout)
    return 0


def check_unreadable(map_text: MapText, form: Form, lang: Language) -> int | None:
    """Print what keeps clients from reading a map, and give the exit code; None if they can read it."""
    from tailhub.tools.doctor.mapped import unreadable_map

    report = unreadable_map(map_text)
    if report is None:
        return None
    return _print([report], [f"tailhub doctor   {map_text.origin}"], [map_text.origin], form, lang)


def find_targets(name: str, region: str, *, stun_port: int, pin: str, insecure: bool) -> Asked:
    """What a person means by `name`: a host, or the relays of a map. Raises `UsageError` and `MachineError`.

    "" is the tailnet of this machine; without a `region` its relays of one's own are meant.
    """
    from tailhub.tools.map_source import TAILNET, is_tailnet, read_map_text

    is_own, name = not name, name or TAILNET
    if name != "-" and not is_tailnet(name) and "://" not in name and not Path(name).expanduser().is_file():
        try:
            return Asked([host_target(name, stun_port, pin, insecure=insecure)])
        except LocalError as exc:
            raise UsageError(checking.bad_target(name)) from exc
    for option, value in (("--stun-port", stun_port), ("--pin", pin), ("--insecure", insecure)):
        if value:
            raise UsageError(checking.not_with_a_map(option, name))
    try:
        map_text = read_map_text(name)
    except MachineError as exc:
        if is_own and isinstance(exc.finding, findings.Finding):
            raise UsageError(checking.nothing_named(exc.finding.values["reason"])) from exc
        raise
    try:
        derp_map = map_text.derp_map()
    except MachineError:
        return Asked([], map_text)
    found = map_targets(derp_map, name, region)
    if is_own and not region:
        found = [target for target in found if target.node.region_id >= FIRST_USER_REGION]
    if not found:
        ids = [str(number) for number, one in derp_map.regions.items() if one is not None]
        raise UsageError(checking.no_such_region(region, name, ids[:20]))
    if len(found) > MAX_TARGETS:
        raise UsageError(checking.too_many_targets(name, len(found), MAX_TARGETS))
    return Asked(found, map_text)


def options_of(key_file: Path | None, watch_s: float) -> Options:
    """How to look: as whom, and how long. Raises `MachineError` for a key file that is none."""
    from tailhub.tools.doctor.seen import Options
    from tailhub.tools.own_key import kept_key, read_key

    if key_file is not None:
        return Options(private_key=read_key(key_file), watch_s=watch_s, must_be_admitted=True)
    return Options(private_key=kept_key(), watch_s=watch_s)


def mesh_keys_of(path: Path | None) -> list[MeshKey]:
    """What ``--mesh-key-file`` holds; none without it. Raises `MachineError`."""
    from tailhub.server.state import mesh_keys

    return [] if path is None else list(mesh_keys(path)[0])


# --- inside -----------------------------------------------------------------------------------------------------------


def _run(examine: Callable[[_Tell], Awaitable[T]], subject: str, form: Form, lang: Language) -> T:
    """Look, with a line on the terminal that says at what: at `subject` where nothing else is told."""
    words, status = TEXTS[lang], nullcontext()
    if form == "screen" and sys.stderr.isatty():
        from rich.console import Console

        status = Console(stderr=True).status("")  # type: ignore[assignment]

    async def run(spinner: Any) -> T:
        def tell(part: str, of: str = subject) -> None:
            if spinner is not None:
                spinner.update(words["looking"].format(subject=printable(of), part=_part(part, lang)))

        return await examine(tell)

    with status as spinner:
        return asyncio.run(run(spinner))


def _part(name: str, lang: Language) -> str:
    from tailhub.findings.texts import STEP_NAMES

    return STEP_NAMES.get(name, (name, name))[lang == "zh"]


def _print(reports: Sequence[Report], titles: Sequence[str], names: Sequence[str], form: Form, lang: Language) -> int:
    from tailhub.cli.report_json import report_json
    from tailhub.cli.report_screen import report_lines, summary
    from tailhub.cli.screen import COLUMNS, Line, columns_of, plain, show

    columns = COLUMNS if form == "share" else columns_of(sys.stdout)
    if form == "json":
        write(report_json(reports, lang))
    else:
        lines: list[Line] = []
        for report, title in zip(reports, titles, strict=True):
            lines += [*report_lines(report, lang, columns, title), Line("")]
        lines.append(Line(summary(reports, lang), "step"))
        if form == "share":
            write(masked(plain([Line(printable(line.text)) for line in lines]), names, lang))
        else:
            show(lines, sys.stdout)
    return 0 if all(report.count(findings.Severity.ERROR) == 0 for report in reports) else 1


def masked(text: str, names: Sequence[str], lang: Language) -> str:
    """For strangers: without what identifies somebody, and with what they would ask for first."""
    from tailhub.tools.masking import Mask

    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    versions = {"version": tailhub.__version__, "python": platform.python_version(), "system": system}
    return Mask(names).text(text) + TEXTS[lang]["shared"].format(**versions) + "\n"


def _title(target: Target, lang: Language) -> str:
    region = ""
    if target.region is not None:
        name = target.region.region_name or target.region.region_code
        region = TEXTS[lang]["region"].format(id=target.region.region_id, name=name) + "   "
        if len(target.region.nodes) > 1:
            region += f"{target.node.name}   "
    return f"tailhub doctor   {region}{target}"


def _names(target: Target) -> list[str]:
    """Words that identify somebody."""
    region = target.region
    listed = [target.host, target.node.cert_name, target.origin, target.origin.rpartition("/")[2]]
    return listed + ([region.region_name, region.region_code] if region is not None else [])
