"""Asks a tailscaled on this machine, by its LocalAPI: whoever is in its tailnet, itself included, may relay.

The socket is opened by its path for each question, because tailscaled makes a new one at each start. ``whois`` finds
one key. Where that fails for another reason than "no such peer" (a tailscaled that is older or newer than the
question), all keys are read from ``status``. A tailscaled that is not connected to its tailnet knows nobody, which is
no reason to call anybody a stranger: that is told apart.

Source: ``ipn/localapi`` and ``client/local`` of tailscale.com 1.102.5; `docs/protocol.md`.
"""

from __future__ import annotations

import asyncio
import sys
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import msgspec

from tailhub import findings
from tailhub.exceptions import RemoteError
from tailhub.findings import Finding
from tailhub.net.container import is_mount_point
from tailhub.net.http_exchange import Answer as HttpAnswer
from tailhub.net.http_exchange import exchange
from tailhub.relay.admission import Answer, Verdict
from tailhub.verifiers.verifier import trouble, words

__all__ = ["TailscaledVerifier", "default_socket", "parse_status", "parse_whois"]

NAME = "tailscaled"
MAX_WHOIS_BYTES = 1 << 20
MAX_STATUS_BYTES = 32 << 20  # about 1 KiB a peer
STATUS_S = 10.0  # bounds a list that nobody waits for any more
_HEADERS = (("Host", "local-tailscaled.sock"), ("Sec-Tailscale", "localapi"))
_WHOIS = "/localapi/v0/whois?addr=nodekey:"
_STATUS = "/localapi/v0/status"
_STATE = "/localapi/v0/status?peers=false"
_RUNNING = "Running"


def default_socket(platform: str = sys.platform) -> Path:
    """Where tailscaled has its socket on this platform."""
    return Path("/var/run/tailscaled.socket" if platform == "darwin" else "/var/run/tailscale/tailscaled.sock")


class _Node(msgspec.Struct):
    key: str = msgspec.field(name="Key", default="")
    name: str = msgspec.field(name="Name", default="")


class _User(msgspec.Struct):
    name: str = msgspec.field(name="LoginName", default="")


class _WhoIs(msgspec.Struct):
    node: _Node = msgspec.field(name="Node")
    user: _User | None = msgspec.field(name="UserProfile", default=None)


class _Peer(msgspec.Struct):
    key: str = msgspec.field(name="PublicKey", default="")
    name: str = msgspec.field(name="DNSName", default="")
    user_id: int = msgspec.field(name="UserID", default=0)


class _Status(msgspec.Struct):
    """What we read of ``ipnstate.Status``."""

    backend_state: str = msgspec.field(name="BackendState", default="")
    own: _Peer | None = msgspec.field(name="Self", default=None)
    peers: dict[str, _Peer] | None = msgspec.field(name="Peer", default=None)
    users: dict[str, _User] | None = msgspec.field(name="User", default=None)


_whois = msgspec.json.Decoder(_WhoIs)
_status = msgspec.json.Decoder(_Status)
_NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)  # ValueError: bytes that are no UTF-8


class TailscaledVerifier:
    """The tailscaled whose socket is at `path`; `setting` is where its user wrote that, for findings."""

    fails_open = False
    tenant = ""

    def __init__(self, path: Path, setting: str = "--verify-socket", name: str = NAME) -> None:
        self.name = name
        self.path = path
        self._setting = setting
        self._reading: asyncio.Task[_Status] | None = None  # one for all who need the whole list just now

    async def verify(self, key: bytes, address: IPv4Address | IPv6Address) -> Verdict:
        """Is it a peer of that tailnet, or the machine itself?"""
        try:
            return await self._verify("nodekey:" + key.hex())
        except OSError as exc:
            return Verdict(self.name, Answer.UNREACHABLE, detail=self._trouble(exc))
        except RemoteError as exc:
            return Verdict(self.name, Answer.UNUSABLE, detail=words(exc))

    async def probe(self, limit_s: float) -> Finding | None:
        """Look at its state."""
        path = str(self.path)
        try:
            async with asyncio.timeout(limit_s):
                status = parse_status(await self._get(_STATE, MAX_WHOIS_BYTES))
        except OSError as exc:
            denied, mounted = isinstance(exc, PermissionError), self._is_stale_mount(exc)
            return findings.tailscaled_unreachable(
                path, trouble(exc), self._setting, denied=denied, mounted=mounted, parent=str(self.path.parent)
            )
        except RemoteError as exc:
            return findings.tailscaled_unreachable(path, words(exc), self._setting)
        if status.backend_state != _RUNNING:
            return findings.tailscaled_not_running(path, words(status.backend_state) or "-")
        return None

    async def _verify(self, key: str) -> Verdict:
        answer = await self._get(_WHOIS + key.removeprefix("nodekey:"), MAX_WHOIS_BYTES)
        if answer.status == 200:
            found = parse_whois(answer.body)
            if found.node.key == key:
                return self._yes(found.node.name, found.user)
        if answer.status == 404:
            status = parse_status(await self._get(_STATE, MAX_WHOIS_BYTES))
            return self._stranger(status)
        return self._look_up(key, await self._whole_status())

    def _yes(self, name: str, user: _User | None) -> Verdict:
        owner = words(user.name) if user is not None else ""
        return Verdict(self.name, Answer.ADMITTED, words(name.rstrip(".")), owner=owner)

    def _look_up(self, key: str, status: _Status) -> Verdict:
        for peer in (status.own, *(status.peers or {}).values()):
            if peer is not None and peer.key == key:
                return self._yes(peer.name, (status.users or {}).get(str(peer.user_id)))
        return self._stranger(status)

    def _stranger(self, status: _Status) -> Verdict:
        if status.backend_state != _RUNNING:
            state = words(status.backend_state) or "unknown"
            return Verdict(self.name, Answer.UNUSABLE, detail=f"not connected to its tailnet: {state}")
        return Verdict(self.name, Answer.REFUSED, detail="no peer of this machine")

    async def _whole_status(self) -> _Status:
        """All peers. Who asks while somebody else does gets the same answer; leaving does not end it for others."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_status())
            self._reading.add_done_callback(lambda task: task.cancelled() or task.exception())  # perhaps nobody waits
        return await asyncio.shield(self._reading)

    async def _read_status(self) -> _Status:
        async with asyncio.timeout(STATUS_S):
            return parse_status(await self._get(_STATUS, MAX_STATUS_BYTES))

    async def _get(self, target: str, most_bytes: int) -> HttpAnswer:
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        return await exchange(reader, writer, "GET", target, _HEADERS, most_bytes=most_bytes)

    def _trouble(self, exc: OSError) -> str:
        """Why it cannot be reached, with what to do where that is known."""
        told = f"{self.path}: {trouble(exc)}"
        if self._is_stale_mount(exc):
            told += f"; only the socket is mounted, and tailscaled has made a new one: mount {self.path.parent}"
        return told

    def _is_stale_mount(self, exc: OSError) -> bool:
        """Is the socket a file of its own mount, which a tailscaled that is gone has left?"""
        return isinstance(exc, ConnectionRefusedError) and is_mount_point(self.path)


def parse_whois(body: bytes) -> _WhoIs:
    """What a ``whois`` found: a node without a key if there is none that can be read."""
    try:
        return _whois.decode(body)
    except _NOT_JSON:
        return _WhoIs(_Node())


def parse_status(answer: HttpAnswer) -> _Status:
    """What ``status`` answered. Raises `RemoteError`."""
    if answer.status != 200:
        raise RemoteError(f"status: HTTP {answer.status} {words(answer.body[:100].decode('utf-8', 'replace'))}", "http")
    try:
        return _status.decode(answer.body)
    except _NOT_JSON as exc:
        raise RemoteError(f"status: {words(exc)}", "status") from exc
