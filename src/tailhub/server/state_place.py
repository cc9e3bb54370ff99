"""Where a relay's state is: which directory, and which others there may be.

Not here: what is in it (`tailhub.server.state`). ``$STATE_DIRECTORY`` (systemd.exec(5)), else ``/var/lib/tailhub`` for
root, else the XDG base directory specification's place.

A start that would make a new pin while other state exists is the way in which relays lose their clients: run by a
person first and then by sudo or as a service, each ends up in a directory of its own. `refuse_new_pin` stops it when it
is certain that a pinned certificate for the same port is elsewhere; where it is only possible, a finding says so.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path

from tailhub import findings
from tailhub.exceptions import MachineError

__all__ = [
    "ADMIN_SOCKET",
    "ALLOWED_KEYS",
    "PINNED_CERT",
    "PINNED_KEY",
    "RELAY_KEY",
    "SYSTEM_STATE",
    "locate",
    "may_have_state",
    "other_states",
    "own_home",
    "refuse_new_pin",
]

SYSTEM_STATE = Path("/var/lib/tailhub")
RELAY_KEY = "derper.key"
PINNED_CERT = "pinned.crt"
PINNED_KEY = "pinned.key"
ALLOWED_KEYS = "allowed_keys"  # the allow list, where it has no other place
ADMIN_SOCKET = "admin.sock"  # of the operator's pages, while a relay runs

_USER_STATE = ".local/state/tailhub"  # below a home directory
HOMES = Path("/home")
_MAX_HOMES = 1000  # that root looks into
_CALLERS = ("SUDO_USER", "DOAS_USER")  # variables with the name of whoever became this user


def locate(explicit: Path | None, environ: Mapping[str, str], uid: int | None) -> Path:
    """The state directory, absolute: `explicit` (``--state-dir``), else by environment and user.

    `uid` is the effective user id, None on a system without. systemd may name several directories; the first counts.
    Raises `MachineError` for a relative one when the current directory is gone.
    """
    if explicit is not None:
        return _absolute(explicit)
    if by_systemd := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return _absolute(Path(by_systemd))
    return SYSTEM_STATE if uid == 0 else _of_this_user(environ)


def other_states(path: Path, environ: Mapping[str, str]) -> list[Path]:
    """The other usual places that hold a relay's key or pinned certificate, as far as one can tell.

    A relay that is about to begin new state in `path` tells of them: a run as another user, by sudo or as a service,
    ends up elsewhere and would quietly have another pin. A directory that this user may not look into counts.
    """
    here = path.resolve()
    places = dict.fromkeys(_usual_places(environ))
    return [place for place in places if may_have_state(place) and place.resolve() != here]


def refuse_new_pin(path: Path, ports: Collection[int], environ: Mapping[str, str]) -> None:
    """Raise `MachineError` if `path` has no state yet and another place surely has a pin for one of these `ports`.

    `ports` are those of the listeners with a pinned certificate. For starts where nobody has chosen the directory.
    """
    if may_have_state(path) or any(path.glob("*.crt")):  # the latter are taken over
        return
    from tailhub.server.listener_record import read_listeners
    from tailhub.server.pinned_pair import pair_paths

    for other in other_states(path, environ):
        for record in read_listeners(other):
            is_same = record.origin == "pinned" and record.port and record.port in ports
            if is_same and pair_paths(other, record.pin)[0].is_file():
                raise MachineError(findings.state_elsewhere(str(path), str(other), record.port))


def _usual_places(environ: Mapping[str, str]) -> Iterator[Path]:
    yield SYSTEM_STATE
    yield _of_this_user(environ)
    homes = (own_home(environ), *(_home_of(environ.get(caller, "")) for caller in _CALLERS))
    yield from (home / _USER_STATE for home in homes if home)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        try:
            yield from (home / _USER_STATE for home in islice(sorted(HOMES.iterdir()), _MAX_HOMES))
        except OSError:  # there is no such directory on this system
            pass


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except OSError as exc:
        reason = f"the directory that it counts from is gone ({exc.strerror})"
        raise MachineError(findings.file_trouble(str(path), reason)) from exc


def _of_this_user(environ: Mapping[str, str]) -> Path:
    xdg = Path(environ.get("XDG_STATE_HOME", ""))
    if xdg.is_absolute():  # the XDG specification: ignore a relative one
        return xdg / "tailhub"
    home = own_home(environ)
    return home / _USER_STATE if home else SYSTEM_STATE


def own_home(environ: Mapping[str, str]) -> Path | None:
    """The home directory of this user; None for one that has none."""
    if home := environ.get("HOME"):
        return Path(home)
    try:
        return Path.home()
    except RuntimeError:  # a container with a user id that has no entry anywhere
        return None


def _home_of(user: str) -> Path | None:
    if not user:
        return None
    try:
        from pwd import getpwnam

        return Path(getpwnam(user).pw_dir)
    except (ImportError, KeyError):
        return None


def may_have_state(place: Path) -> bool:
    """Is a relay's key or a part of its first pinned pair in `place`? True, too, where one may not look."""
    for name in (RELAY_KEY, PINNED_CERT, PINNED_KEY):
        try:
            (place / name).lstat()
        except PermissionError:
            return True
        except OSError:
            continue
        return True
    return False
