"""``tailhub service``: the relay as a service of systemd, under a user of its own.

Installing is safe to repeat: what is there stays, state of the one who tried the relay out before is moved in, and a
unit that does not come up gives way to the one that did.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tailhub import findings
from tailhub.cli.called import program
from tailhub.cli.output import write
from tailhub.cli.service_texts import TEXTS
from tailhub.exceptions import MachineError, UsageError
from tailhub.findings import Language
from tailhub.server.listener_record import LISTENERS
from tailhub.server.state_files import give_tree
from tailhub.server.state_import import move_in
from tailhub.server.state_place import RELAY_KEY, other_states
from tailhub.server.state_swap import state_entries
from tailhub.server.unit_file import Service, config_in, is_below_home, python_in, unit_text

NAME = "tailhub"
NOLOGIN = "/usr/sbin/nologin"
START_LIMIT_S = 60
_RUNNING = Path("/run/systemd/system")  # sd_booted(3)
_CODE = re.compile(r"\s*\[TH\d+\]$")  # behind what the relay says of itself
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_INACTIVE = 3  # the exit code of `systemctl status` for a service that does not run


def install(name: str, user: str, config: Path | None, sample: str, lang: Language) -> int:
    """Make user, configuration and unit as far as they are missing, move state in, and start. Returns the exit code.

    `sample` is what a new configuration file holds. Raises `MachineError`.
    """
    _require("install", name)
    service = _service(name, user, config)
    _make_user(service)
    homes = _check_reach(service)
    if not service.config.exists():
        service.config.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write_new(service.config, sample, 0o640, _group(service.user))  # it may come to hold a secret
        _say(lang, "config_made", path=service.config)
    moved = _move_state(service, lang)
    if moved is not None:
        before, kept = moved
        _say(lang, "state_moved", before=before, after=service.state_dir, kept=kept)
    _swap_unit(service, unit_text(service, homes))
    _say(
        lang,
        "installed",
        name=service.name,
        user=service.user,
        config=service.config,
        state=service.state_dir,
        derpmap=f"sudo {program()} derpmap" + _state_option(service),
    )
    return 0


def upgrade(name: str, lang: Language) -> int:
    """Write the unit as this version has it, restart, and go back if that does not come up. Returns the exit code."""
    _require("upgrade", name)
    service = _installed(name)
    _swap_unit(service, unit_text(service, _check_reach(service)))
    _say(lang, "upgraded", name=service.name)
    return 0


def status(name: str, lang: Language) -> int:
    """Print how the service does: 0 when it runs, else 3."""
    _require_systemd(name)
    service = _installed(name)
    wanted = ("ActiveState", "SubState", "MainPID", "NRestarts", "ActiveEnterTimestamp")
    shown = _systemctl("show", f"{name}.service", f"--property={','.join(wanted)}").stdout
    values = dict(line.partition("=")[::2] for line in shown.splitlines())
    is_active = values.get("ActiveState") == "active"
    _say(
        lang,
        "running" if is_active else "not_running",
        name=name,
        state=f"{values.get('ActiveState')} ({values.get('SubState')})",
        since=values.get("ActiveEnterTimestamp") or "-",
        pid=values.get("MainPID", "0"),
        restarts=values.get("NRestarts", "0"),
        user=service.user,
        config=service.config,
        state_dir=service.state_dir,
    )
    return 0 if is_active else _INACTIVE


def uninstall(name: str, lang: Language) -> int:
    """Stop the service and remove its unit. State, configuration and user stay. Returns the exit code."""
    _require("uninstall", name)
    service = _installed(name)
    _systemctl("disable", "--now", f"{name}.service")
    service.unit_path.unlink(missing_ok=True)
    _systemctl("daemon-reload")
    _say(lang, "uninstalled", name=name, state=service.state_dir, config=service.config.parent, user=service.user)
    return 0


# --- what is there ----------------------------------------------------------------------------------------------------


def _require_systemd(name: str) -> None:
    if not _NAME.fullmatch(name):  # "" from a script's unset variable would be all of /var/lib
        raise UsageError(findings.bad_service_name(name))
    if not has_systemd():
        raise MachineError(findings.no_systemd(f"{program()} relay"))


def _require(command: str, name: str) -> None:
    _require_systemd(name)
    if os.geteuid() != 0:
        raise MachineError(findings.service_needs_root(f"{program()} service {command}"))


def _service(name: str, user: str, config: Path | None) -> Service:
    return Service(name, user, Path(sys.executable), config or Path("/etc") / name / "tailhub.toml")


def _installed(name: str) -> Service:
    """The service as its unit has it, run by this Python. Raises `MachineError` when there is none."""
    found = find_service(name)
    if found is None:
        raise MachineError(findings.service_missing(name, f"{program()} service install"))
    return replace(found, python=Path(sys.executable))


def find_service(name: str) -> Service | None:
    """The service as its unit has it; None when there is none of this name."""
    service = _service(name, NAME, None)
    try:
        text = service.unit_path.read_text(encoding="utf-8")
    except OSError:
        return None
    values = dict(line.partition("=")[::2] for line in text.splitlines())
    python, config = python_in(text) or service.python, config_in(text) or service.config
    return Service(name, values.get("User", NAME), python, config)


def has_systemd() -> bool:
    """Does systemd run this machine?"""
    return _RUNNING.exists()


def run_as(user: str, words: Sequence[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command as the user of a service. Raises `OSError` or `subprocess.TimeoutExpired`."""
    return subprocess.run(  # noqa: S603  words of our own
        words,
        user=user,
        group=_group(user),
        extra_groups=[],
        cwd="/",
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )


def _check_reach(service: Service) -> tuple[Path, ...]:
    """Where below home directories the program is. Raises `MachineError` if the service's user cannot start it."""
    homes = tuple(path for path in (service.python, Path(sys.base_prefix), Path(__file__)) if is_below_home(path))
    reason = ""
    try:
        done = run_as(service.user, [str(service.python), "-m", "tailhub", "--version"], START_LIMIT_S)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    except (OSError, subprocess.TimeoutExpired) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
    if not reason and homes and _selinux_enforces():
        reason = "SELinux keeps services away from programs below home directories"
    if reason:
        raise MachineError(findings.program_out_of_reach(service.user, str(service.python), reason))
    return homes


def _selinux_enforces() -> bool:
    try:
        return Path("/sys/fs/selinux/enforce").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


# --- making it --------------------------------------------------------------------------------------------------------


def _make_user(service: Service) -> None:
    from pwd import getpwnam

    with contextlib.suppress(KeyError):
        getpwnam(service.user)
        return
    command = ["useradd", "--system", "--user-group", "--home-dir", str(service.state_dir), "--no-create-home"]
    done = _run([*command, "--shell", NOLOGIN, service.user])
    if done.returncode:
        raise MachineError(findings.service_not_up(service.name, done.stderr.strip() or "useradd failed"))


def _move_state(service: Service, lang: Language) -> tuple[Path, Path] | None:
    """Move the one other state that there is to the service's place; where it was, and where the old one is kept.

    Nothing is moved when the service has state already, and when there are several to choose from, which are named.
    """
    target = service.state_dir
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give(target, service.user)
    if any(entry.name != LISTENERS for entry in state_entries(target)):
        return None
    others = [place for place in other_states(target, os.environ) if (place / RELAY_KEY).exists()]
    if len(others) != 1:
        if others:
            _say(lang, "several_states", places=", ".join(map(str, others)), target=target)
        return None
    return others[0], move_in(target, others[0], datetime.now(UTC))


def _give(path: Path, user: str) -> None:
    """Let `user` own a directory with all that is in it; nobody else may look in."""
    from pwd import getpwnam

    give_tree(path, getpwnam(user).pw_uid, _group(user))


def _group(user: str) -> int:
    """The user's own group, which need not be called as the user is."""
    from pwd import getpwnam

    return getpwnam(user).pw_gid


def _swap_unit(service: Service, text: str) -> None:
    """Put the unit in its place and (re)start. If it does not come up the unit from before is put back."""
    before = service.unit_path.read_text(encoding="utf-8") if service.unit_path.exists() else None
    with _restored_on_failure(service, before):
        _write_new(service.unit_path, text, 0o644)
        _systemctl("daemon-reload")
        _systemctl("enable", f"{service.name}.service")
        done = _systemctl("restart", f"{service.name}.service")
        if done.returncode:
            raise MachineError(findings.service_not_up(service.name, _last_words(service.name), restored=bool(before)))


@contextlib.contextmanager
def _restored_on_failure(service: Service, before: str | None) -> Iterator[None]:
    try:
        yield
    except MachineError:
        if before is not None:
            _write_new(service.unit_path, before, 0o644)
            _systemctl("daemon-reload")
            _systemctl("restart", f"{service.name}.service")
        raise


def _last_words(name: str) -> str:
    """The last line that the service printed."""
    lines = _run(["journalctl", "-u", f"{name}.service", "-n", "20", "-o", "cat", "--no-pager"]).stdout.splitlines()
    said = [line.strip() for line in lines if line.startswith("tailhub: ")]
    return _CODE.sub("", said[-1].removeprefix("tailhub: ")).rstrip(".") if said else "systemd says no more"


def _write_new(path: Path, text: str, mode: int, group: int = 0) -> None:
    """Write a file of root's whole or not at all."""
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(text, encoding="utf-8")
        os.chown(new, 0, group)
        new.chmod(mode)
        new.replace(path)
    except OSError as exc:
        raise MachineError(findings.file_trouble(str(path), exc.strerror or str(exc))) from exc


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return _run(["systemctl", *words])


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  words of our own
    except OSError as exc:
        raise MachineError(findings.file_trouble(words[0], exc.strerror or str(exc))) from exc


def _state_option(service: Service) -> str:
    return "" if service.name == NAME else f" --state-dir {service.state_dir}"


def _say(lang: Language, text: str, **values: object) -> None:
    write(TEXTS[text][lang].format(**values) + "\n")
