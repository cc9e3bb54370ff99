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
from tailhub.findings import Finding
from tailhub.findings import derp_map as derp_map_findings
from tailhub.tailcfg.derpmap import DERPMap, from_plain
from tailhub.tailcfg.hujson import HuJSONError
from tailhub.tailcfg.lint import find_map
from tailhub.tailcfg.map_edit import HUJSON, YAML, Syntax

__all__ = ["TAILNET", "MapForm", "MapText", "form_of", "hujson_finding", "is_file", "read_map_text", "tailnet_home"]

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

    @property
    def syntax(self) -> Syntax:
        """How it is read and changed."""
        return YAML if self.form == "yaml" else HUJSON

    def derp_map(self) -> DERPMap:
        """The map in it. Raises `MachineError` if there is none."""
        try:
            document = self.syntax.parse(self.text)
            found = find_map(document)
            if found is None:
                raise MachineError(derp_map_findings.no_map_in_it(self.origin))
            return from_plain(document.plain(found))
        except HuJSONError as exc:
            raise MachineError(hujson_finding(self.origin, exc)) from exc
        except LocalError as exc:
            raise MachineError(derp_map_findings.map_unreadable(self.origin, str(exc))) from exc


def hujson_finding(origin: str, fault: HuJSONError) -> Finding:
    """What is wrong with a policy or a JSON file, in words for a person."""
    line, column, found = fault.line, fault.column, fault.found
    match fault.trouble:
        case "curly_quotes" | "single_quotes" | "missing_quotes":
            return derp_map_findings.wrong_quotes(origin, line, column, found, fault.expected)
        case "missing_comma":
            return derp_map_findings.missing_comma(origin, line, column, found)
        case "odd_space" | "byte_order_mark":
            return derp_map_findings.odd_space(origin, line, column, found)
        case "full_width":
            return derp_map_findings.full_width_punctuation(origin, line, column, found, fault.expected)
        case _:
            return derp_map_findings.not_hujson(origin, line, column, found, fault.expected)


def is_file(name: str) -> bool:
    """Is it the name of a file, and nothing else that `read_map_text` takes?"""
    return name not in ("-", TAILNET) and not name.startswith(("http://", "https://"))


def form_of(text: str, name: str) -> MapForm:
    """What a text is written in; its `name` may tell, else how it begins."""
    if name.endswith((".yaml", ".yml")):
        return "yaml"
    is_hujson = name.endswith((".hujson", ".json")) or text.lstrip("\ufeff \t\r\n").startswith(("{", "[", "//", "/*"))
    return "hujson" if is_hujson else "yaml"


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


def tailnet_home() -> str:
    """The code of the region that is home of this machine's Tailscale client, "" for none. Blocks."""
    program = shutil.which("tailscale")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 (our own constant words)
            [program, "status", "--json", "--peers=false"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        code = json.loads(done.stdout)["Self"]["Relay"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return ""
    return code if isinstance(code, str) else ""


def _text(data: bytes, name: str) -> MapText:
    if len(data) > MAX_MAP_BYTES:
        raise MachineError(derp_map_findings.map_unreadable(name, f"longer than {MAX_MAP_BYTES >> 20} MiB"))
    # A byte order mark stays: Tailscale refuses it.
    text = data.decode("utf-8", "surrogateescape")
    return MapText(text, form_of(text, name), name)


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
