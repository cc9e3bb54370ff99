"""The pages of ``docs/how-to`` as something to run: their blocks of commands, and machines to run them on.

A comment before a block says what it is: ``<!-- run by: TEST -->`` (it needs more than a directory, and that file has
it), ``<!-- on the new machine -->`` (another machine from here on), ``<!-- file: PATH -->`` (what that file holds from
here on). Every other block of commands is run by ``test_how_to``. The machines are
directories: the paths and ports of the pages become theirs by the tables below, `sudo` gives no right, and
`systemctl restart` starts the relay anew, `systemctl reload` has it reload.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from support.ports import free_ports
from support.wire import believing_context
from tailhub.certs.pin import pin_of_der
from tailhub.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "how-to"
HEALTH = ROOT / "deploy" / "container" / "healthcheck.py"
LIMIT_S = 60.0

PORTS = (443, 8443, 8444)  # of the pages; each machine has its own for them
PATHS = ("/etc/tailhub", "/var/lib/derper", "/srv")
STATE = "/var/lib/tailhub"
ADDRESS = "203.0.113.7"
HERE, NEW = "here", "new"
_BLOCK = re.compile(r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_OPERATORS = frozenset({"|", "||", "&&", ";", "&", "<", ">", ">>"})

_TAILHUB = rf"""#!/bin/sh
if [ -f "$CONFIG_FILE" ]; then export TAILHUB_CONFIG="$CONFIG_FILE"; fi
[ "$1" = relay ] || exec "$PYTHON" -m tailhub "$@"
stop || exit 1
case " $* " in
*" --listen "*) ;;
*) grep -qs '^\(listen =\|\[\[listen\)' "$CONFIG_FILE" || set -- "$@" --listen "$USUAL_LISTEN" ;;
esac
"$PYTHON" -m tailhub "$@" >"$MACHINE/log" 2>&1 </dev/null &
echo $! >"$MACHINE/pid"
for _ in $(seq 200); do
  if "$PYTHON" -S {shlex.quote(str(HEALTH))} >/dev/null; then exit 0; fi
  kill -0 "$(cat "$MACHINE/pid")" || break
  sleep 0.1
done
cat "$MACHINE/log" >&2
exit 1
"""
_STOP = """#!/bin/sh
[ -f "$MACHINE/pid" ] || exit 0
pid=$(cat "$MACHINE/pid")
kill "$pid" 2>/dev/null
for _ in $(seq 200); do
  case "$(ps -o stat= -p "$pid")" in
  "" | Z*) rm "$MACHINE/pid"; exit 0 ;;
  esac
  sleep 0.1
done
exit 1
"""
_SYSTEMCTL = """#!/bin/sh
case "$*" in
"restart tailhub") exec tailhub relay ;;
"reload tailhub") exec tailhub reload ;;
esac
exit 1
"""
_SUDO = """#!/bin/sh
[ "$1" != -u ] || shift 2
exec "$@"
"""
# What it would install is here already; if nothing is meant by the words, or less than what is needed, it fails.
_PIP = f"""#!/bin/sh
[ "$1" = install ] || exit 1
exec "$PYTHON" -c '
import sys, tomllib
from importlib.metadata import version
from packaging.requirements import Requirement
asked, extras = Requirement(sys.argv[1]), tomllib.load(sys.stdin.buffer)["project"]["optional-dependencies"]
needed = [Requirement(one) for name in asked.extras for one in extras[name]]
assert asked.name == "tailhub" and needed, asked
assert all(one.specifier.contains(version(one.name)) for one in needed), needed
' "$2" <{shlex.quote(str(ROOT / "pyproject.toml"))}
"""


@dataclass(frozen=True)
class Block:
    """One block: what it is in, what stands in it, and the comment before it."""

    kind: str
    text: str
    note: str

    @property
    def runner(self) -> str:
        """The file of the test that runs it, "" for ``test_how_to``."""
        return self.note.removeprefix("run by: ") if self.note.startswith("run by: ") else ""

    @property
    def file(self) -> str:
        """The file that it is, "" for commands."""
        return self.note.removeprefix("file: ") if self.note.startswith("file: ") else ""


def blocks(page: Path, section: str = "") -> list[Block]:
    """All blocks of a page, or of the section with this heading, in order."""
    text = page.read_text(encoding="utf-8")
    if section:
        text = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    found = _BLOCK.finditer(text)
    return [Block(match["kind"], match["text"], match["note"] or "") for match in found]


def blocks_for(test: str, page: str) -> list[str]:
    """The commands that are marked as run by `test`, its ``__file__``, in the order of the page."""
    runner = Path(test).resolve().relative_to(ROOT).as_posix()
    return [block.text for block in blocks(PAGES / page) if block.runner == runner]


# --- reading ----------------------------------------------------------------------------------------------------------


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of every tailhub command in a shell script, without ``tailhub``; ``docker run`` is ``relay``."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split, lexer.commenters = True, "#"
        words = list(lexer)
        for part in _simple_commands(words):
            yield from _in_command(part)


def _simple_commands(words: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word in _OPERATORS:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _in_command(words: list[str]) -> Iterator[list[str]]:
    if words[:2] == ["docker", "run"] and "--entrypoint" not in words:
        last = len(words) - 1 - words[::-1].index("tailhub")
        yield ["relay", *words[last + 1 :]]
        return
    for number, word in enumerate(words[:-1]):
        if word == "tailhub" and words[number + 1] in _commands():
            yield words[number + 1 :]
            return
    assert "tailhub" not in words[: 2 if words[:1] == ["sudo"] else 1], words  # it has a command that there is not


@cache
def _command() -> Any:
    return typer.main.get_command(app)  # which takes a tenth of a second


def _commands() -> set[str]:
    return set(getattr(_command(), "commands", {}))


def read_command(words: Sequence[str]) -> None:
    """Read the words as ``tailhub`` would, without doing it; raises what it would raise."""
    rest, command = list(words), _command()
    # A group may do something by itself: then an option stands where a command could.
    while (commands := getattr(command, "commands", None)) is not None and not (rest and rest[0].startswith("-")):
        if not rest and getattr(command, "invoke_without_command", False):
            break
        command = commands[rest.pop(0)]
    command.make_context(command.name, rest)


# --- running ----------------------------------------------------------------------------------------------------------


class Machine:
    """A directory that stands for a machine: home, state, configuration, and the programs that pages call.

    A page that needs its very ports is run in a network namespace, by its `prefix`; then there are no other `ports`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.state = self.path(STATE)
        first = free_ports(len(PORTS))
        self.ports = {port: first + number for number, port in enumerate(PORTS)}
        self.prefix: tuple[str, ...] = ()
        self.meant: dict[str, str] = {}  # words of a page that only stand for something, and what they are here
        programs = directory / "bin"
        for path in (self.home, programs, *(directory / path[1:] for path in PATHS)):
            path.mkdir(parents=True)
        texts = {"tailhub": _TAILHUB, "stop": _STOP, "systemctl": _SYSTEMCTL, "sudo": _SUDO, "pip": _PIP}
        for name, text in texts.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TAILHUB_", "XDG_"))}
        self.environ = kept | {
            "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.home),
            "STATE_DIRECTORY": str(self.state),
            "LC_ALL": "C.UTF-8",
            "PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "MACHINE": str(directory),
            "CONFIG_FILE": str(self.path("/etc/tailhub/tailhub.toml")),
            "USUAL_LISTEN": f"127.0.0.1:{self.port(8443)}",
            "TAILHUB_DISCOVER": "false",
            "TAILHUB_ADDRESS": ADDRESS,
            "TAILHUB_STUN_LISTEN": "127.0.0.1:0",
            "TAILHUB_ADMIN_LISTEN": "off",
        }

    def port(self, port: int) -> int:
        """The port that this machine has for one of the pages'."""
        return self.ports.get(port, port)

    def path(self, path: str) -> Path:
        """Where this machine has a file of the pages."""
        return self.directory / path[1:]

    def translate(self, text: str) -> str:
        """Text of a page with this machine's paths and ports, and with what is `meant`."""
        for words, meant in self.meant.items():
            text = text.replace(words, meant)
        for path in (*PATHS, STATE):
            text = re.sub(rf"(?<![\w./-]){re.escape(path)}(?![\w-])", lambda match: str(self.path(match[0])), text)
        for port in self.ports:
            text = re.sub(rf"(?<=[ \"]):{port}\b", f"127.0.0.1:{self.port(port)}", text)
        return text

    def run(self, script: str) -> str:
        """Run a script in the home directory; what it printed. Fails when a command in it does."""
        done = subprocess.run(
            [*self.prefix, "sh", "-euc", self.translate(script)],
            cwd=self.home,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """Write a file of a page."""
        self.path(path).write_text(self.translate(text))

    def stop(self) -> None:
        """End the relay."""
        self.run("stop")


def served_pin(port: int) -> str:
    """The pin of what a relay on loopback shows."""
    with (
        socket.create_connection(("127.0.0.1", port), LIMIT_S) as sock,
        believing_context().wrap_socket(sock) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
    assert der is not None
    return pin_of_der(der)
