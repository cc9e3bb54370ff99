"""What an operator may do about the log while the relay runs: its level, and whose steps are logged one by one.

Calls of the operator's API; what they do is in `tailhub.server.client_debug`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tailhub import findings
from tailhub.exceptions import LocalError, UsageError
from tailhub.server.client_debug import ClientDebug, LogState
from tailhub.server.debug_choice import FOR_S, LONGEST_S, parse_choice
from tailhub.server.log_setup import LEVELS
from tailhub.web.operator_api import Call, Field, Route


class LogActions:
    """`debug` is that of this process; with workers `tell` tells them the same. `now` is the clock of all."""

    def __init__(
        self, debug: ClientDebug, now: Callable[[], float], tell: Callable[[LogState], None] = lambda state: None
    ) -> None:
        self._debug = debug
        self._now = now
        self._tell = tell
        self.routes = (
            Route("GET", "log-level", self._show, "What is logged, and whose steps one by one for how long yet."),
            Route(
                "PUT",
                "log-level",
                self._set,
                "Log what is at least as grave as `level`, and each step of these clients.",
                body=(
                    Field("level", ", ".join(LEVELS)),
                    Field("debug", "keys, addresses and networks, instead of those before", "texts"),
                    Field("ends_in_s", f"for how long, by what is in debug; else {FOR_S:.0f}", "numbers"),
                ),
            ),
        )

    async def _show(self, call: Call) -> Mapping[str, Any]:
        state = self._debug.state
        left = {text: round(max(0.0, at - self._now()), 1) for text, at in state.ends.items()}
        return {"level": state.level, "debug": list(left), "ends_in_s": left}

    async def _set(self, call: Call) -> Mapping[str, Any]:
        """Set the level, or all that is to be looked at, or both. What was on the list keeps its time if none is given.

        Raises `UsageError`, and nothing changes then.
        """
        before = self._debug.state
        state = replace(before, level=_level(call.text("level")) or before.level)
        chosen, for_s = call.texts("debug"), call.numbers("ends_in_s")
        if chosen is not None:
            if wrong := [text for text in for_s if text not in chosen or not 0 < for_s[text] <= LONGEST_S]:
                raise LocalError(f"ends_in_s: {wrong[0]}: expected seconds, at most {LONGEST_S:.0f}, of one in debug")
            now, ends = self._now(), {}
            for given in chosen:
                text = parse_choice(given).text
                ends[text] = now + for_s[given] if given in for_s else before.ends.get(text, now + FOR_S)
            state = replace(state, ends=ends)
        self._debug.apply(state)
        self._tell(state)
        return await self._show(call)


def _level(text: str) -> str:
    if text and text not in LEVELS:
        raise UsageError(findings.bad_choice("level", text, LEVELS))
    return text
