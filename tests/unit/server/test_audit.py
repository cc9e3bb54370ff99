from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tailhub.server import audit
from tailhub.server.audit import AUDIT_FILE, MOST_BYTES, MOST_KEPT, OLDER, AuditLog
from tailhub.web.message import Request, Response
from tailhub.web.operator_api import OperatorApi


def listed(log: AuditLog, query: str = "") -> tuple[int, Any]:
    answer = OperatorApi(log.routes).respond(Request(b"GET", b"/api/v1/audit" + query.encode(), b"1.1", [], ""))
    assert not isinstance(answer, Response)

    async def later() -> Response:
        return await answer

    response = asyncio.run(later())
    return response.status, json.loads(response.body)


def test_an_action_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Who, what, target and outcome are in the answer, in a file that nobody else reads, and in the relay's log."""
    log = AuditLog(tmp_path / AUDIT_FILE, lambda: 1234.5)
    with caplog.at_level(logging.INFO, "tailhub"):
        log.note("unix socket", "POST pending/*/approve", "3 name=phone", "done")
    entry = {
        "at": 1234.5,
        "caller": "unix socket",
        "action": "POST pending/*/approve",
        "target": "3 name=phone",
        "outcome": "done",
    }
    assert listed(log) == (200, {"entries": [entry]})
    path = tmp_path / AUDIT_FILE
    assert [json.loads(line) for line in path.read_text().splitlines()] == [entry]
    assert path.stat().st_mode & 0o777 == 0o600
    assert "POST pending/*/approve" in caplog.text
    assert "unix socket" in caplog.text


def test_newest_first(tmp_path: Path) -> None:
    """The newest action comes first, and no more are given than were asked for."""
    log = AuditLog(tmp_path / AUDIT_FILE)
    for number in range(MOST_KEPT + 5):
        log.note("x", "POST reload", str(number), "done")
    assert [entry["target"] for entry in listed(log, "?limit=2")[1]["entries"]] == ["1004", "1003"]
    assert len(listed(log)[1]["entries"]) == MOST_KEPT


@pytest.mark.parametrize("limit", ["0", "-1", "x", str(MOST_KEPT + 1), "1" * 5000, "²"])
def test_a_senseless_limit(tmp_path: Path, limit: str) -> None:
    """Another limit than a number in its bounds is 400."""
    assert listed(AuditLog(tmp_path / AUDIT_FILE), f"?limit={limit}")[0] == 400


def test_a_target_that_looks_like_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What a caller sent makes no line of its own, in the file or in the log."""
    log = AuditLog(tmp_path / AUDIT_FILE)
    with caplog.at_level(logging.INFO, "tailhub"):
        log.note("x", "POST allow", 'name=a\n{"caller":"root"}', "done")
    assert len((tmp_path / AUDIT_FILE).read_text().splitlines()) == 1
    assert "\n" not in caplog.messages[0]


def test_it_is_bounded(tmp_path: Path) -> None:
    """The file that is full becomes the older one, and there are no more than these two."""
    log = AuditLog(tmp_path / AUDIT_FILE)
    for number in range(2 * MOST_BYTES // 10_000 + 30):
        log.note("x", "POST notice", f"{number} " + "y" * 10_000, "done")
    files = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert files.keys() == {AUDIT_FILE, AUDIT_FILE + OLDER}
    assert max(files.values()) <= MOST_BYTES
    assert files[AUDIT_FILE + OLDER] > MOST_BYTES - 20_000


def test_a_disk_that_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the file cannot be written the action is remembered all the same, and the log says so once."""
    log = AuditLog(tmp_path / "gone" / audit.AUDIT_FILE)
    log.note("x", "POST reload", "", "done")
    log.note("x", "POST reload", "", "done")
    assert len(listed(log)[1]["entries"]) == 2
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
