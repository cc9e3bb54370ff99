"""The devices of a Headscale, by its API, with an API key.

On the list is whose key has not expired. The answer is one whole list, without pages; it has no ETag.

Source: ``headscale/v1/headscale.proto`` of Headscale 0.29.2, ``ListNodes`` and ``ListApiKeys``, in the JSON of its
gateway; 0.26 has the same fields but for ``tags``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import msgspec

from tailhub.exceptions import LocalError, MachineError, RemoteError
from tailhub.findings import Finding
from tailhub.keys import NodePublic
from tailhub.verifiers.api_client import MAX_LIST_BYTES, NOT_JSON, Api, answered_at, is_over, unix_time
from tailhub.verifiers.device_list import Device
from tailhub.verifiers.verifier import words

__all__ = ["HeadscaleDevices", "parse_expiry", "parse_nodes"]

_HIDDEN = "***"  # what a listed prefix ends with


class _User(msgspec.Struct):
    name: str | None = None
    display_name: str | None = msgspec.field(name="displayName", default=None)
    email: str | None = None


class _Node(msgspec.Struct):
    """What we read of a node."""

    node_key: str = msgspec.field(name="nodeKey", default="")
    name: str | None = None
    given_name: str | None = msgspec.field(name="givenName", default=None)
    user: _User | None = None
    tags: list[str] | None = None
    expiry: str | None = None


class _Nodes(msgspec.Struct):
    nodes: list[_Node]


class _ApiKey(msgspec.Struct):
    prefix: str = ""
    expiration: str | None = None


class _ApiKeys(msgspec.Struct):
    keys: list[_ApiKey] = msgspec.field(name="apiKeys")


_nodes = msgspec.json.Decoder(_Nodes)
_keys = msgspec.json.Decoder(_ApiKeys)


class HeadscaleDevices:
    """A `DeviceSource`. `secret` gives an API key."""

    def __init__(self, api: Api, secret: Callable[[], str]) -> None:
        self.name = api.name
        self._api = api
        self._secret = secret

    async def read(self) -> Mapping[bytes, Device]:
        """Its nodes."""
        answer = await self._api.get("/api/v1/node", self._secret(), MAX_LIST_BYTES)
        return await asyncio.to_thread(parse_nodes, answer.body, answered_at(answer))

    async def expires_at(self) -> float | None:
        """As the list of its API keys says."""
        secret = self._secret()
        return parse_expiry((await self._api.get("/api/v1/apikey", secret)).body, secret)

    def trouble(self, exc: OSError | RemoteError | MachineError) -> Finding:
        """What keeps it from being read."""
        return self._api.finding(exc)

    def expiring(self, at: float, now: float) -> Finding:
        """Its API key expires."""
        return self._api.expiring(at, now)


def parse_nodes(body: bytes, now: float) -> dict[bytes, Device]:
    """Who may relay, at `now` (unix seconds), by raw key. Raises `RemoteError`."""
    try:
        listed = _nodes.decode(body).nodes
    except NOT_JSON as exc:
        raise RemoteError(f"no list of nodes: {words(exc)}", "devices") from exc
    found = {}
    for node in listed:
        if is_over(node.expiry, now):
            continue
        try:
            key = NodePublic.parse(node.node_key).raw
        except LocalError:
            continue
        user = node.user or _User()
        owner = ", ".join(node.tags) if node.tags else user.name or user.email or user.display_name or ""
        found[key] = Device(words((node.given_name or node.name or "").rstrip(".")), words(owner))
    return found


def parse_expiry(body: bytes, secret: str) -> float | None:
    """When the API key `secret` expires, unix seconds; None for never, and for one that is not listed.

    Raises `RemoteError`.
    """
    try:
        listed = _keys.decode(body).keys
    except NOT_JSON as exc:
        raise RemoteError(f"no list of API keys: {words(exc)}", "key") from exc
    for key in listed:
        prefix = key.prefix.removesuffix(_HIDDEN)
        if prefix and secret.startswith(prefix):
            return unix_time(key.expiration)
    return None
