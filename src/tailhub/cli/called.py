"""How this program was called, so that the commands on the screen can be pasted into another terminal as they stand."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tailhub.server.state_place import locate
from tailhub.settings.setting import Setting
from tailhub.settings.table import SETTINGS
from tailhub.settings.values import public_text


def program(
    argv0: str = sys.argv[0],
    interpreter: str = sys.orig_argv[0],
    which: Callable[[str], str | None] = shutil.which,
) -> str:
    """The words that call this program: ``tailhub`` if the shell finds it by that name, else where it is."""
    path = Path(argv0)
    if path.name == "__main__.py":
        return f"{shlex.quote(interpreter)} -m tailhub"
    found = which(path.name)
    try:
        if found is not None and Path(found).samefile(path):
            return path.name
        return _short(path.absolute())
    except OSError:  # called under a name that is no file, or from a directory that is gone
        return "tailhub"


def relay_command(words: Sequence[str] = tuple(sys.argv[1:])) -> str:
    """The whole command line of the relay that runs, ready for one option more: of two the later counts.

    A secret is left out: the screen that shows this is often a log.
    """
    return f"{program()} {shlex.join(_without_secrets(words)) if words[:1] == ('relay',) else 'relay'}"


def _without_secrets(words: Sequence[str]) -> list[str]:
    by_flag = {setting.flag: setting for setting in SETTINGS if setting.secret or setting.secret_url}
    shown: list[str] = []
    for word in words:
        flag, equals, value = word.partition("=")
        if shown and shown[-1] in by_flag:
            shown.append(_public(by_flag[shown[-1]], word))
        elif flag in by_flag and equals:
            shown += [flag, _public(by_flag[flag], value)]
        else:
            shown.append(word)
    return shown


def _public(setting: Setting, value: str) -> str:
    return value if public_text(setting, value) == value else setting.metavar


def command_for(command: str, state_dir: Path, environ: Mapping[str, str], uid: int | None) -> str:
    """The command line of `command`, which asks the relay with this state directory."""
    # A service's STATE_DIRECTORY is not in the environment of the shell where this is pasted.
    plain = {name: value for name, value in environ.items() if name != "STATE_DIRECTORY"}
    option = "" if locate(None, plain, uid) == state_dir else f" --state-dir {_short(state_dir)}"
    return f"{program()} {command}{option}"


def _short(path: Path) -> str:
    """The path for a shell, with ~ where that is shorter."""
    home = os.environ.get("HOME", "")
    if home != "/" and path.is_relative_to(home or "-"):
        return f"~/{shlex.quote(str(path.relative_to(home)))}"
    return shlex.quote(str(path))
