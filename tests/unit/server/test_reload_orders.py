"""A reload as the desk asks the supervisor for it."""

from __future__ import annotations

import asyncio

import pytest

from tailhub.exceptions import MachineError
from tailhub.server import reload_orders
from tailhub.server.reload import ReloadOutcome
from tailhub.server.reload_orders import DeskReloads, ReloadAnswer, ReloadWanted


def test_an_answer_that_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says that all is as it was when that is not known; what comes too late is for nobody."""
    monkeypatch.setattr(reload_orders, "SUPERVISOR_S", 0.0)
    asked: list[ReloadWanted] = []

    async def scenario() -> None:
        reloads = DeskReloads(lambda wanted: not asked.append(wanted))  # type: ignore[func-returns-value]
        with pytest.raises(MachineError, match="may still take") as caught:
            await reloads.run()
        assert "as it was" not in str(caught.value)
        reloads.answered(ReloadAnswer(asked[0].number, ReloadOutcome()))

    asyncio.run(scenario())
