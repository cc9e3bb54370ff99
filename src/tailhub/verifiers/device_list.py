"""Knows who may relay from a list of devices that is read again and again: a login need not wait for anybody.

Who is on the list is admitted at once. For somebody who is not, it is read anew first, at most every few seconds for
all of them together: devices join their tailnet before they come here. When it cannot be read, the last list counts
for some minutes; whoever is not on it is then neither admitted nor a stranger.

Not here: whose list it is (`tailscale_api`, `headscale_api`), and when it is read (`refresh`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, Protocol

from tailhub.exceptions import MachineError, RemoteError
from tailhub.findings import Finding
from tailhub.log_event import log_event
from tailhub.relay.admission import Answer, Verdict
from tailhub.verifiers.api_client import ApiStatusError
from tailhub.verifiers.refresh import RefreshSchedule
from tailhub.verifiers.verifier import trouble, words

__all__ = ["WARN_S", "Device", "DeviceListVerifier", "DeviceSource"]

WARN_S = 14 * 86400.0  # before the credential expires
CREDENTIAL_S = 6 * 3600.0  # how often one looks when it does
REMIND_S = 86400.0  # how often it is told

_log = logging.getLogger("tailhub")


class Device(NamedTuple):
    """A device's name and its owner's, in printable words."""

    node: str
    owner: str


class DeviceSource(Protocol):
    """Where a list of devices comes from."""

    @property
    def name(self) -> str:
        """For people."""

    async def read(self) -> Mapping[bytes, Device]:
        """All that may relay, by raw key. Raises `OSError`, `RemoteError`, `MachineError`."""

    async def expires_at(self) -> float | None:
        """When its credential expires, unix seconds, None for never. Raises as `read` does."""

    def trouble(self, exc: OSError | RemoteError | MachineError) -> Finding:
        """What `read` has raised, for people."""

    def expiring(self, at: float, now: float) -> Finding:
        """Its credential expires `at`, unix seconds, and it is `now`."""


class DeviceListVerifier:
    """The devices on the list of `source`.

    `on_change` is called with the keys that came, went, or have other names now. It begins to read at the first
    question, or by `start`, and ends with `stop`.
    """

    tenant = ""
    fails_open = False

    def __init__(self, source: DeviceSource, every_s: float, schedule: RefreshSchedule | None = None) -> None:
        self.on_change: Callable[[Collection[bytes] | None], None] = lambda keys: None
        self._source = source
        self._schedule = schedule or RefreshSchedule(every_s)
        self._devices: Mapping[bytes, Device] = {}
        self._reading: asyncio.Task[None] | None = None
        self._credential: asyncio.Task[None] | None = None
        self._credential_at = 0.0  # when it is looked at next
        self._timer: asyncio.TimerHandle | None = None
        self._problem = Verdict(self.name, Answer.UNREACHABLE, detail="its list has not been read yet")
        self.credential_expires: float | None = None  # seconds since 1970, as far as it is known
        self._told = ""  # the code of what was told last
        self.trouble: Finding | None = None  # why its list could not be read when that was tried last
        self.trouble_since = 0.0  # seconds since 1970
        self.has_read = False

    @property
    def name(self) -> str:
        """The API's URL."""
        return self._source.name

    def start(self) -> None:
        """Begin to read, unless that has happened."""
        if self._reading is None:
            self._read()

    def stop(self) -> None:
        """Read no more."""
        for pending in (self._timer, self._reading, self._credential):
            if pending is not None:
                pending.cancel()

    async def verify(self, key: bytes, address: IPv4Address | IPv6Address) -> Verdict:
        """Is it on the list?"""
        self.start()
        now = asyncio.get_running_loop().time()
        if key not in self._devices or not self._schedule.is_current(now):
            if self._is_reading() or self._schedule.may_hurry(now):
                await asyncio.wait((self._read(),))  # which goes on without us
            now = asyncio.get_running_loop().time()
        device = self._devices.get(key)
        if device is not None and self._schedule.is_current(now):
            return Verdict(self.name, Answer.ADMITTED, device.node, owner=device.owner)
        if self._schedule.is_well and self._schedule.is_current(now):
            return Verdict(self.name, Answer.REFUSED, detail="not on its list of devices")
        return self._problem

    async def probe(self, limit_s: float) -> Finding | None:
        """Read the list once, and look when the credential expires; once it reads regularly it tells that by itself."""
        if self._reading is not None:
            return None
        try:
            async with asyncio.timeout(limit_s):
                await self._source.read()
                return await self._expiring()
        except (OSError, RemoteError, MachineError) as exc:
            return self._source.trouble(exc)

    def _is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    def _read(self) -> asyncio.Task[None]:
        """One reading at a time; it comes back for the next."""
        if self._reading is None or self._reading.done():
            if self._timer is not None:
                self._timer.cancel()
            self._reading = asyncio.get_running_loop().create_task(self._read_once())
        return self._reading

    async def _read_once(self) -> None:
        loop = asyncio.get_running_loop()
        self._schedule.begin(loop.time())
        try:
            devices = await self._source.read()
            self._schedule.succeed(loop.time())
            self._recovered()
            self._take(devices)
            if loop.time() >= self._credential_at:
                self._credential_at = loop.time() + CREDENTIAL_S
                self._credential = loop.create_task(self._look_at_credential())
        except (OSError, RemoteError, MachineError) as exc:
            self._failed(exc)
            self._schedule.fail(loop.time(), exc.wait_s if isinstance(exc, ApiStatusError) else None)
        except Exception:  # ours: the list is read again all the same
            _log.exception("error while reading the devices of %s", self.name)
            self._schedule.fail(loop.time())
        self._timer = loop.call_at(self._schedule.next_at, self._read)

    def _take(self, devices: Mapping[bytes, Device]) -> None:
        before, self._devices = self._devices, devices
        changed = {key for key, device in devices.items() if before.get(key) != device}
        changed.update(key for key in before if key not in devices)
        if changed:
            self.on_change(changed)

    def _failed(self, exc: OSError | RemoteError | MachineError) -> None:
        """Keep what to answer meanwhile, and say it once."""
        answer = Answer.UNREACHABLE if isinstance(exc, OSError) else Answer.UNUSABLE
        detail = trouble(exc) if isinstance(exc, OSError) else words(exc)
        self._problem = Verdict(self.name, answer, detail=detail)
        finding = self._source.trouble(exc)
        if self.trouble is None:
            self.trouble_since = time.time()
        self.trouble = finding
        if finding.code != self._told:
            self._told = finding.code
            _log.warning("%s", finding)

    def _recovered(self) -> None:
        self.trouble, self.has_read = None, True
        if self._told:
            self._told = ""
            extra = log_event("devices", verifier=self.name)
            _log.info("the devices of %s can be read again", self.name, extra=extra)

    async def _look_at_credential(self) -> None:
        try:
            finding = await self._expiring()
        except (OSError, RemoteError, MachineError):  # that the list cannot be read is told elsewhere
            return
        if finding is not None:
            self._credential_at = asyncio.get_running_loop().time() + REMIND_S
            _log.warning("%s", finding)

    async def _expiring(self) -> Finding | None:
        at, now = await self._source.expires_at(), time.time()
        self.credential_expires = at
        return self.expiring(now)

    def expiring(self, now: float) -> Finding | None:
        """What is to be said `now`, seconds since 1970, of a credential that expires soon."""
        at = self.credential_expires
        return self._source.expiring(at, now) if at is not None and at - now <= WARN_S else None
