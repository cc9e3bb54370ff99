"""The operator's API against its own document, by schemathesis: a scripted relay behind it, then a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import one_of
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.pages_process import TOKEN, PagesProcess
from support.relay_process import RelayProcess
from tailhub.admin.token_file import TOKEN_FILE

EXAMPLES = 12  # for each call
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


def document(port: int) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", "/api/v1/openapi.json")
        return dict(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def try_all(port: int, token: str, without: Sequence[str] = ()) -> set[str]:
    """Try each call of the document, with requests that fit it and with others; the calls that were tried."""
    schema = schemathesis.openapi.from_dict(document(port))
    base_url, headers, tried = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}, set[str]()
    for result in schema.get_all_operations():
        operation = result.ok()
        name = f"{operation.method.upper()} {operation.path}"
        if name in without:
            continue
        strategies = [operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=one_of(strategies))
        def try_one(case: schemathesis.Case) -> None:
            response = case.call(base_url=base_url, headers=headers)
            case.validate_response(response, checks=list(CHECKS))

        try_one()
        tried.add(name)
    return tried


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[PagesProcess]:
    with PagesProcess(tmp_path) as process:
        yield process


def test_with_a_scripted_relay(pages: PagesProcess) -> None:
    """No request makes the pages fail, and every answer is one that the document has."""
    tried = try_all(pages.address[1], TOKEN)
    assert len(tried) >= 16
    assert pages.process.poll() is None


def test_with_a_real_relay() -> None:
    """Nor does any make a relay fail, with all the calls that are its own."""
    with RelayProcess("--allow-list", "on") as relay:
        token = (relay.state_dir / TOKEN_FILE).read_text().strip()
        tried = try_all(relay.admin_port, token, without=["POST /api/v1/drain"])  # which may end it
        assert {"GET /api/v1/pending", "POST /api/v1/allow", "GET /api/v1/audit", "GET /api/v1/overview"} <= tried
        assert "Traceback" not in relay.log()
