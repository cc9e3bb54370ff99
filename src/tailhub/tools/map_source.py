"""Where a DERP map is read from: a file in any of its forms, a URL, standard input, or the tailnet of this machine.

Forms: a Tailscale policy or JSON (both HuJSON), YAML as Headscale has it. I/O; what is wrong in a map is not said here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import derp_map as derp_map_findings
from tailhub.tailcfg.derpmap import DERPMap, from_plain
from tailhub.tailcfg.forms import parse_headscale_yaml
from tailhub.tailcfg.hujson import HuJSONError, parse
from tailhub.tailcfg.lint import find_map

__all__ = ["TAILNET", "MapForm", "MapText", "read_map_text"]

TAILNET = "tailnet"
"""Names the map that the Tailscale client of this machine has now."""
MAX_MAP_BYTES = 16 << 20
_TIMEOUT_S = 10.0

MapForm = Literal["hujson", "yaml"]


@dataclass(frozen=True, slots=True)
class MapText:
    """A map or a policy as it is written. `origin` is where it came from, as a person named it."""

    text: str
    form: MapForm
    origin: str

    def derp_map(self) -> DERPMap:
        """The map in it. Raises `MachineError` if there is none."""
        try:
            if self.form == "yaml":
                return parse_headscale_yaml(self.text)
            document = parse(self.text)
            found = find_map(document)
            if found is None:
                raise MachineError(derp_map_findings.no_map_in_it(self.origin))
            return from_plain(document.plain(found))
        except HuJSONError as exc:
            raise MachineError(
                derp_map_findings.not_hujson(self.origin, exc.line, exc.column, exc.found, exc.expected)
            ) from exc
        except LocalError as exc:
            raise MachineError(derp_map_findings.map_unreadable(self.origin, str(exc))) from exc


def read_map_text(name: str) -> MapText:
    """Read ``-`` (standard input), a URL, `TAILNET` or a file. Blocks. Raises `MachineError`."""
    try:
        if name == "-":
            return _text(sys.stdin.buffer.read(MAX_MAP_BYTES + 1), "-")
        if name.startswith(("http://", "https://")):
            return _text(_fetch(name), name)
        if name == TAILNET:
            return MapText(_tailnet_map(), "hujson", name)
        with Path(name).expanduser().open("rb") as stream:
            return _text(stream.read(MAX_MAP_BYTES + 1), name)
    except OSError as exc:
        raise MachineError(
            derp_map_findings.map_unreadable(name, exc.strerror or str(exc) or type(exc).__name__)
        ) from exc


def _text(data: bytes, name: str) -> MapText:
    if len(data) > MAX_MAP_BYTES:
        raise MachineError(derp_map_findings.map_unreadable(name, f"longer than {MAX_MAP_BYTES >> 20} MiB"))
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    looks_like_yaml = name.endswith((".yaml", ".yml")) or not text.lstrip().startswith(("{", "[", "//", "/*"))
    return MapText(text, "yaml" if looks_like_yaml else "hujson", name)


def _fetch(url: str) -> bytes:
    from http.client import HTTPException
    from urllib.request import Request, urlopen

    try:
        request = Request(url, headers={"User-Agent": "tailhub"})  # noqa: S310 (the caller looked at the scheme)
        with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            data: bytes = response.read(MAX_MAP_BYTES + 1)
            return data
    except (HTTPException, ValueError) as exc:
        raise MachineError(derp_map_findings.map_unreadable(url, str(exc) or type(exc).__name__)) from exc


def _tailnet_map() -> str:
    program = shutil.which("tailscale")
    if program is None:
        raise MachineError(derp_map_findings.no_tailnet_here("no program `tailscale` in PATH"))
    try:
        done = subprocess.run(  # noqa: S603 (our own constant words)
            [program, "debug", "derp-map"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MachineError(derp_map_findings.no_tailnet_here(f"no answer within {_TIMEOUT_S:g} s")) from None
    if done.returncode != 0:
        raise MachineError(derp_map_findings.no_tailnet_here(done.stderr.decode("utf-8", "replace").strip()[:300]))
    text = done.stdout.decode("utf-8", "replace")
    try:
        json.loads(text)
    except ValueError as exc:
        raise MachineError(derp_map_findings.no_tailnet_here(str(exc))) from exc
    return text
