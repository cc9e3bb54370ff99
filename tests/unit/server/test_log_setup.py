"""Where the log goes, and what of it, by the settings: at the start and when they are read again."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tailhub.log_event import log_event
from tailhub.server.config import RelayConfig, config_findings
from tailhub.server.log_setup import apply_log_settings, current_level, set_up_log

_log = logging.getLogger("tailhub")
CONFIG = RelayConfig(listen="off", stun_listen=":0")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, level = logging.getLogger(), _log.level
    before = list(root.handlers)
    yield
    root.handlers[:] = before
    _log.setLevel(level)


def test_settings_are_heeded_and_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """Form and level are those of the settings, and others from the moment on that they are applied."""
    set_up_log(CONFIG)
    _log.info("first", extra=log_event("store"))
    _log.debug("not said")
    apply_log_settings(replace(CONFIG, log_format="json", log_level="error"))
    _log.warning("not said")
    _log.error("second", extra=log_event("store"))
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("  first")
    assert json.loads(second)["msg"] == "second"
    assert current_level() == "error"


def test_other_packages_are_heard(capsys: pytest.CaptureFixture[str]) -> None:
    """What asyncio and others warn of has the form of our lines, and is not printed beside them."""
    set_up_log(replace(CONFIG, log_format="json"))
    logging.getLogger("asyncio").error("Exception in a callback")
    logging.getLogger("asyncio").info("not said")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "library"


@pytest.mark.parametrize(("setting", "value"), [("log_format", "xml"), ("log_level", "loud"), ("log_level", "INFO")])
def test_other_words_are_refused(setting: str, value: str) -> None:
    """A form or a level that there is not is an error that lists those that there are."""
    (finding,) = config_findings(replace(CONFIG, **{setting: value}))  # type: ignore[arg-type]
    assert finding.code == "TH270"
    assert value in finding.what()
    assert "json" in finding.render() or "warning" in finding.render()
