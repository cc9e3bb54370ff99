"""What the relay's metrics were in the last minutes: rates between snapshots, for charts. No clock, no sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tailhub.admin.api_types import History, Rates
from tailhub.web.metrics import MetricValues

__all__ = ["KEPT_S", "MOST_PASSED_S", "Rings", "total"]

KEPT_S: Final = 900.0
MOST_SAMPLES: Final = 1000
MOST_PASSED_S: Final = 30.0  # between two snapshots: over more, what happened between them is not what happens now

_RATES: Final[Mapping[str, str]] = {  # rate to the metric that it is of
    "bytes_received_per_s": "bytes_received",
    "bytes_sent_per_s": "bytes_sent",
    "packets_received_per_s": "packets_received",
    "packets_sent_per_s": "packets_sent",
    "packets_dropped_per_s": "packets_dropped",
    "stun_requests_per_s": "stun_requests",
    "logins_per_s": "accepts",
}


def total(values: MetricValues, key: str) -> float:
    """A metric, its labels added up; 0 if it is not there."""
    value = values.get(key, 0)
    return sum(value.values()) if isinstance(value, Mapping) else value


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    rates: Rates
    clients: int


class Rings:
    """Told all metrics of each snapshot."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=MOST_SAMPLES)
        self._before: MetricValues = {}
        self._earlier: tuple[MetricValues, float] = ({}, 0.0)  # what rates by label are since, and for how long
        self._before_at = 0.0
        self.values: MetricValues = {}
        self.rates = Rates()
        self.cpu_percent = 0.0

    def sample(self, values: MetricValues, at: float) -> None:
        """These are the metrics at that time."""
        self.values = values
        passed_s = at - self._before_at
        if passed_s == 0:
            return
        if passed_s < 0:  # the clock was set back: what has a time that is still to come has a wrong one
            while self._samples and self._samples[-1].at >= at:
                self._samples.pop()
        is_first = not self._before or not 0 < passed_s <= MOST_PASSED_S
        if is_first:
            self.rates = Rates()
        else:
            deltas = {name: total(values, key) - total(self._before, key) for name, key in _RATES.items()}
            self.rates = Rates(**{name: max(0.0, delta) / passed_s for name, delta in deltas.items()})
            cpu_s = total(values, "process_cpu_s") - total(self._before, "process_cpu_s")
            self.cpu_percent = max(0.0, cpu_s) / passed_s * 100
            self._samples.append(_Sample(at, self.rates, int(total(values, "clients"))))
        self._earlier = ({} if is_first else self._before, passed_s)
        self._before, self._before_at = values, at
        while self._samples and self._samples[0].at < at - KEPT_S:
            self._samples.popleft()

    def per_s(self, key: str, labels: tuple[str, ...]) -> float:
        """How fast a counter with labels grew between the last two snapshots."""
        earlier, passed_s = self._earlier
        now, then = self.values.get(key), earlier.get(key)
        if not isinstance(now, Mapping) or not isinstance(then, Mapping) or labels not in then:
            return 0.0
        return max(0.0, now.get(labels, 0) - then[labels]) / passed_s

    def since(self, since: float, interval_s: float) -> History:
        """All samples after that time; all there are if it is later than now, as after the clock was set back."""
        if since > self._before_at:
            since = 0.0
        samples = [one for one in self._samples if one.at > since]
        charted = [name for name in _RATES if name != "logins_per_s"]
        columns = {name: [getattr(one.rates, name) for one in samples] for name in charted}
        clients = [one.clients for one in samples]
        return History(interval_s=interval_s, t=[one.at for one in samples], clients=clients, **columns)
