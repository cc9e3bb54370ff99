"""Whose steps are logged one by one: keys and addresses that the operator has chosen, each for a time.

Decisions only; what is logged of them: `tailhub.server.client_debug`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

from tailhub import findings
from tailhub.exceptions import LocalError, UsageError
from tailhub.keys import NodePublic, short_key

__all__ = ["FOR_S", "LONGEST_S", "MOST_CHOICES", "Choice", "DebugChoices", "parse_choice"]

FOR_S: Final = 3600.0  # unless it is said for how long
LONGEST_S: Final = 86400.0
MOST_CHOICES: Final = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """Clients that fit a text: one key, whole (``nodekey:…``) or as the log shows it (``[AbCdE]``), or a network."""

    text: str
    network: IPv4Network | IPv6Network | None = None

    def fits(self, key: bytes, address: IPv4Address | IPv6Address | None) -> bool:
        """Is it one of them? `key` is empty while it is not known."""
        if self.network is not None:
            return address is not None and address in self.network
        return bool(key) and self.text in (short_key(key), str(NodePublic(key)))


def parse_choice(text: str) -> Choice:
    """What an operator writes, in the form that is shown. Raises `UsageError`."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]") and len(text) == len("[AbCdE]") and ":" not in text:
        return Choice(text)
    try:
        if text.startswith(NodePublic.PREFIX):
            return Choice(str(NodePublic.parse(text)))
        network = ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except (LocalError, ValueError):
        raise UsageError(findings.bad_debug_choice(text)) from None
    is_one = network.prefixlen == network.max_prefixlen
    return Choice(str(network.network_address if is_one else network), network)


class DebugChoices:
    """All of them. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._ends: dict[Choice, float] = {}

    def __bool__(self) -> bool:
        return bool(self._ends)

    @property
    def ends(self) -> Mapping[str, float]:
        """When each ends, by its text."""
        return {choice.text: at for choice, at in self._ends.items()}

    def replace(self, ends: Mapping[str, float]) -> None:
        """Take these instead. Raises `UsageError` for a text that makes no sense, or too many; nothing changes then."""
        if len(ends) > MOST_CHOICES:
            raise UsageError(findings.too_many_debug_choices(len(ends), MOST_CHOICES))
        self._ends = {parse_choice(text): at for text, at in ends.items()}

    def expire(self, now: float) -> list[Choice]:
        """Forget those whose time is over, and return them."""
        over = [choice for choice, at in self._ends.items() if at <= now]
        for choice in over:
            del self._ends[choice]
        return over

    @property
    def next_end(self) -> float | None:
        """When the next one ends."""
        return min(self._ends.values(), default=None)

    def fits(self, key: bytes, address: IPv4Address | IPv6Address | None) -> bool:
        """Is a client one of those that were chosen? `key` is empty while it is not known."""
        return any(choice.fits(key, address) for choice in self._ends)
