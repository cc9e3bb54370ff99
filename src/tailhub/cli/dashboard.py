"""``tailhub dashboard``: how to open the running relay's dashboard, here and from another machine.

The token is in the link's fragment, which a browser sends to nobody. Texts: `tailhub.cli.dashboard_texts`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

from tailhub import findings
from tailhub.admin.token_file import TOKEN_FILE
from tailhub.cli.admin_socket import call, state_directory
from tailhub.cli.dashboard_texts import TEXTS
from tailhub.cli.listing import step
from tailhub.cli.screen import Line, columns_of, show
from tailhub.cli.text_layout import wrap
from tailhub.exceptions import MachineError
from tailhub.findings import Language

__all__ = ["Dashboard", "open_dashboard", "screen"]

USUAL = "127.0.0.1:9912"
_EVERYWHERE = ("", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Where it is: `host` and `port` of the operator's listener as programs on this machine reach it.

    `port` is 0 where that is off. `is_reachable`: other machines can come there, too. `machine` is what others call
    this one, empty if that is not known.
    """

    host: str
    port: int
    token: str
    machine: str
    is_reachable: bool = False

    def url(self, host: str, port: int) -> str:
        """The link, with the token in its fragment."""
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}/#token={quote(self.token, safe='')}"


def open_dashboard(state_dir: Path | None, lang: Language) -> int:
    """Print how to open it; the exit code: 1 when it cannot be opened because its listener is off."""
    directory = state_directory(state_dir)
    found = _find(directory)
    show(list(screen(found, lang, columns_of(sys.stdout))), sys.stdout)
    return 0 if found.port else 1


def _find(directory: Path) -> Dashboard:
    listeners = call(directory, "GET", "listeners")["listeners"]
    relay = call(directory, "GET", "overview")["relay"]
    machine = relay["hostname"] or next(iter(relay["addresses"]), "")
    admin = next((one for one in listeners if one["name"] == "admin"), None)
    if admin is None:
        return Dashboard("", 0, "", machine)
    path = directory / TOKEN_FILE
    try:
        token = path.read_text("utf-8", "replace").strip()
    except OSError as exc:
        raise MachineError(findings.file_trouble(str(path), exc.strerror or str(exc))) from exc
    host = str(admin["listen"]).rpartition(":")[0].strip("[]")
    is_reachable = not _is_loopback(host)
    return Dashboard("127.0.0.1" if host in _EVERYWHERE else host, admin["port"], token, machine, is_reachable)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:  # empty, or a name
        return host == "localhost"


def screen(found: Dashboard, lang: Language, columns: int) -> Iterator[Line]:
    """What is printed."""
    words = TEXTS[lang]
    if not found.port:
        for number, text in enumerate((words["off"], words["off_todo"])):
            yield from (Line(part, "" if number else "warning") for part in wrap(text, columns))
        yield Line("")
        yield Line(f'  admin_listen = "{USUAL}"', "paste")
        return
    yield Line(words["title"], "title")
    yield from step(1, words["here"], columns, [found.url(found.host, found.port)])
    shown = f"[{found.host}]" if ":" in found.host else found.host
    tunnel = f"ssh -L {found.port}:{shown}:{found.port} {words['user']}@{found.machine or words['machine']}"
    yield from step(2, words["elsewhere"], columns, [tunnel, found.url("127.0.0.1", found.port)])
    notes = [words["secret"]] + ([words["reachable"]] if found.is_reachable else [])
    for note in notes:
        yield Line("")
        yield from (Line(part, "dim") for part in wrap(note, columns))
