"""A page that cannot be made, because of a bug of ours."""

from __future__ import annotations

import asyncio

import pytest

from support.wire import relay, run
from tailhub.server.state_place import ADMIN_SOCKET


def test_page_fault(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A page whose making fails is answered 500 at once, is logged with its traceback, and the relay goes on."""

    def fail(*_: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tailhub.server.pages.serialize_json", fail)

    async def scenario() -> None:
        async with relay() as server:
            reader, writer = await asyncio.open_unix_connection(server.state.path / ADMIN_SOCKET)
            for path, status in ((b"/derpmap.json", b"500"), (b"/healthz", b"200")):
                writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.split()[1] == status
                length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
            writer.close()

    run(scenario)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "a bug" in str(record.exc_info)
