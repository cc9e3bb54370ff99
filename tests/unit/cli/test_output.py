"""What is written to a stream that cannot hold all of it."""

from __future__ import annotations

import io
import json
import sys

import pytest

from tailhub.cli.output import write


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "gbk", "utf-8"])
def test_json_stays_what_it_was(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the console of a machine is set to, and whatever a map has in its names."""
    whole = {"name": "東京 “é” – 😀 \udcff"}
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    write(json.dumps(whole, ensure_ascii=False))
    written = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert json.loads(written) == whole
