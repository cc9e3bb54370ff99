"""``tailhub upgrade``: gets a newer version, tries it while the old one serves, and has the service run with it.

What can fail, fails while the old version runs: the new one is installed into an environment of its own
(`tailhub.cli.installation`), checks the configuration, and starts on trial (`tailhub.cli.trial`). Then the new version
itself puts the service's unit in place (``tailhub service upgrade``), and puts back the one before if it does not come
up.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import tailhub
from tailhub import findings
from tailhub.cli import output
from tailhub.cli.called import program
from tailhub.cli.installation import Installation, failure, find_installation, run, run_apart
from tailhub.cli.service import find_service, has_systemd, run_as
from tailhub.cli.trial import trial_words
from tailhub.cli.upgrade_texts import TEXTS
from tailhub.exceptions import FindingError, MachineError
from tailhub.findings import Finding, Language
from tailhub.findings.texts import CHINESE, ENGLISH
from tailhub.server.unit_file import Service

TRY_LIMIT_S = 120.0
_TEXTS_LOADED = (CHINESE, ENGLISH)  # now: after the upgrade they would be those of another version


def upgrade(version: str, name: str, *, is_dry: bool, lang: Language) -> int:
    """Upgrade to this version, else to the newest; the exit code. Raises `FindingError`; the old version runs then."""
    here = find_installation()
    service = _own_service(here, name)
    if service is not None and os.geteuid() != 0 and not is_dry:
        raise MachineError(findings.service_needs_root(f"{program()} upgrade"))
    _say(lang, "installed", version=tailhub.__version__, kind=here.kind, prefix=here.prefix)
    _say(lang, "service" if service is not None else "no_service", name=name)
    try:
        new = here.newest(version)
        _say(lang, "newest", version=new)
        if new == tailhub.__version__:
            here.go_back()
            _say(lang, "same")
            return 0
        if is_dry:
            here.go_back()
            _say(lang, "dry", restart=TEXTS[lang]["dry_restart"] if service is not None else "")
            return 0
        _take(here, new, service, lang)
    except KeyboardInterrupt:
        here.go_back()
        raise
    before = here.finish(new)
    _say(lang, "kept", before=before)
    if service is None:
        output.write_finding(findings.relay_still_old(new, tailhub.__version__), lang)
    return 0


def _take(here: Installation, version: str, service: Service | None, lang: Language) -> None:
    """Install, try, take over; whatever fails undoes what was before it."""
    stage = "stage_install"
    try:
        python = here.prepare(version)
        _say(lang, "prepared", prefix=python.parent.parent)
        stage = "stage_check"
        _check(python, service)
        stage = "stage_trial"
        _try_start(python, service)
        _say(lang, "checked")
        stage = "stage_place"
        python = here.take_over(version)
        if service is not None:
            stage = "stage_service"
            _swap_service(python, service)
            _say(lang, "restarted", name=service.name)
    except FindingError as exc:
        if here.go_back() and service is not None:
            _swap_service(here.python, service)
        if stage == "stage_install" and isinstance(exc.finding, Finding):
            raise
        restored = stage in ("stage_place", "stage_service")
        reason = exc.finding.what(lang) if isinstance(exc.finding, Finding) else str(exc)
        what = TEXTS[lang][stage]
        raise MachineError(findings.upgrade_failed(version, what, reason.rstrip(".。"), restored=restored)) from exc


def _own_service(here: Installation, name: str) -> Service | None:
    """The service of this name, if it runs this installation."""
    if not has_systemd():
        return None
    service = find_service(name)
    return service if service is not None and _is_in(service.python, here.prefix) else None


def _is_in(python: Path, prefix: Path) -> bool:
    try:
        return python.parent.parent.samefile(prefix)
    except OSError:
        return False


def _swap_service(python: Path, service: Service) -> None:
    """Have the service run with this Python; it goes back to its unit from before if that does not come up."""
    run([str(python), "-P", "-m", "tailhub", "service", "upgrade", "--name", service.name], TRY_LIMIT_S)


def _check(python: Path, service: Service | None) -> None:
    """Have the new version check the configuration. Raises `MachineError` with the first error."""
    words = ["config", "check", "--json", *(("--config", str(service.config)) if service is not None else ())]
    done = _run_new(python, service, words)
    if done.returncode == 0:
        return
    try:
        errors = [finding["what"] for finding in json.loads(done.stdout)["findings"] if finding["severity"] == "error"]
        said = str(errors[0])
    except (ValueError, LookupError, TypeError):  # it could not even do that
        said = done.stderr.strip() or f"exit code {done.returncode}"
    raise failure(["tailhub", "config", "check"], said)


def _try_start(python: Path, service: Service | None) -> None:
    """Have the new version start with a copy of the state. Raises `MachineError` with what it said."""
    words = trial_words(service.config, service.state_dir) if service is not None else trial_words(None, None)
    done = _run_new(python, service, words)
    if done.returncode:
        raise failure(["tailhub", *words], done.stderr.strip() or f"exit code {done.returncode}")


def _run_new(python: Path, service: Service | None, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the new version, as the service would."""
    words = [str(python), "-P", "-m", "tailhub", *words]
    try:
        return run_apart(words, TRY_LIMIT_S) if service is None else run_as(service.user, words, TRY_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise failure(words, getattr(exc, "strerror", None) or str(exc)) from exc


def _say(lang: Language, text: str, **values: object) -> None:
    output.write(TEXTS[lang][text].format(**values) + "\n")
