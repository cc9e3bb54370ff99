"""The devices of a tailnet, by the Tailscale API, with an OAuth client or an access token.

On the list is who is authorized, whose key has not expired, and whom tailnet lock does not lock out: the peers that a
tailscaled would know. Devices that others share into the tailnet are among them, as they are with the original. The
answer is one whole list, without pages; it has no ETag, so nothing is asked for conditionally.

Source: https://tailscale.com/api, ``GET /tailnet/{tailnet}/devices`` with its default fields, ``GET
/tailnet/{tailnet}/keys/{id}``, and https://tailscale.com/kb/1215/oauth-clients for ``POST /oauth/token``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

import msgspec

from tailhub.exceptions import LocalError, MachineError, RemoteError
from tailhub.findings import Finding
from tailhub.keys import NodePublic
from tailhub.net.http_exchange import Answer as HttpAnswer
from tailhub.verifiers.api_client import MAX_LIST_BYTES, NOT_JSON, Api, ApiStatusError, answered_at, is_over, unix_time
from tailhub.verifiers.device_list import Device
from tailhub.verifiers.verifier import words

__all__ = ["AccessTokens", "TailscaleDevices", "key_id", "parse_devices", "parse_expiry", "parse_token"]

API_TOKEN, CLIENT_SECRET = "tskey-api-", "tskey-client-"
_RENEW_S = 300.0  # an access token is not used in its last minutes


class _Device(msgspec.Struct):
    """What we read of a device."""

    node_key: str = msgspec.field(name="nodeKey", default="")
    name: str | None = None
    hostname: str | None = None
    user: str | None = None
    tags: list[str] | None = None
    authorized: bool = False
    expires: str | None = None
    key_expiry_disabled: bool = msgspec.field(name="keyExpiryDisabled", default=False)
    lock_error: str | None = msgspec.field(name="tailnetLockError", default=None)


class _Devices(msgspec.Struct):
    devices: list[_Device]


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3600.0


class _Key(msgspec.Struct):
    expires: str | None = None


_devices = msgspec.json.Decoder(_Devices)
_token = msgspec.json.Decoder(_Token)
_key = msgspec.json.Decoder(_Key)


class AccessTokens:
    """What is shown to the API: a secret itself if it is an access token, else what an OAuth client gets for it."""

    def __init__(self, api: Api, client_id: str = "") -> None:
        """Without `client_id` it is the one that the secret names."""
        self._api = api
        self._client_id = client_id
        self._token = ""
        self._token_of = ""  # the secret for which it was given
        self._token_until = 0.0  # monotonic seconds

    async def token_for(self, secret: str) -> str:
        """The token; one that was given is used until shortly before its end. Raises as `Api.get` does."""
        if not secret.startswith(CLIENT_SECRET):
            return secret
        now = time.monotonic()
        if not self._token or self._token_of != secret or now >= self._token_until:
            form = {
                "grant_type": "client_credentials",
                "client_id": self._client_id or key_id(secret),
                "client_secret": secret,
            }
            self._token, lifetime = parse_token((await self._api.post_form("/api/v2/oauth/token", form)).body)
            self._token_of, self._token_until = secret, now + max(lifetime - _RENEW_S, lifetime / 2)
        return self._token

    def forget(self) -> bool:
        """Ask for another one next time; False if none was asked for."""
        had, self._token = bool(self._token), ""
        return had


class TailscaleDevices:
    """A `DeviceSource`. `secret` gives an API access token, or the secret of the OAuth client `client_id`."""

    def __init__(self, api: Api, secret: Callable[[], str], tailnet: str = "-", client_id: str = "") -> None:
        """Without `client_id` it is the one that the secret names."""
        self.name = api.name
        self._api = api
        self._secret = secret
        self._tailnet = "/api/v2/tailnet/" + quote(tailnet, safe="")
        self._tokens = AccessTokens(api, client_id)

    async def read(self) -> Mapping[bytes, Device]:
        """Its devices."""
        try:
            answer = await self._devices(await self._tokens.token_for(self._secret()))
        except ApiStatusError as exc:
            if exc.status != 401 or not self._tokens.forget():
                raise
            # It was taken back before its time.
            answer = await self._devices(await self._tokens.token_for(self._secret()))
        return await asyncio.to_thread(parse_devices, answer.body, answered_at(answer))

    async def expires_at(self) -> float | None:
        """An OAuth client does not expire; an access token may ask about itself."""
        secret = self._secret()
        if not secret.startswith(API_TOKEN):
            return None
        return parse_expiry((await self._api.get(f"{self._tailnet}/keys/{key_id(secret)}", secret)).body)

    def trouble(self, exc: OSError | RemoteError | MachineError) -> Finding:
        """What keeps it from being read."""
        return self._api.finding(exc)

    def expiring(self, at: float, now: float) -> Finding:
        """Its token expires."""
        return self._api.expiring(at, now)

    async def _devices(self, token: str) -> HttpAnswer:
        return await self._api.get(f"{self._tailnet}/devices", token, MAX_LIST_BYTES)


def key_id(secret: str) -> str:
    """The part of a secret by which the API knows it: ``tskey-KIND-ID-SECRET``."""
    return quote("".join(secret.split("-")[2:3]), safe="")


def parse_devices(body: bytes, now: float) -> dict[bytes, Device]:
    """Who may relay, at `now` (unix seconds), by raw key. Raises `RemoteError`."""
    try:
        listed = _devices.decode(body).devices
    except NOT_JSON as exc:
        raise RemoteError(f"no list of devices: {words(exc)}", "devices") from exc
    found = {}
    for device in listed:
        expires = not device.key_expiry_disabled and is_over(device.expires, now)
        if not device.authorized or device.lock_error or expires:
            continue
        try:
            key = NodePublic.parse(device.node_key).raw
        except LocalError:  # one that has not got a key yet
            continue
        owner = ", ".join(device.tags) if device.tags else device.user or ""
        found[key] = Device(words((device.name or device.hostname or "").rstrip(".")), words(owner))
    return found


def parse_token(body: bytes) -> tuple[str, float]:
    """The access token of an OAuth client and for how many seconds it is good. Raises `RemoteError`."""
    try:
        token = _token.decode(body)
    except NOT_JSON as exc:
        raise RemoteError(f"no access token: {words(exc)}", "token") from exc
    if not token.access_token.isascii() or not token.access_token.isprintable() or not token.access_token.strip():
        raise RemoteError("an access token that cannot be sent", "token")
    return token.access_token, token.expires_in


def parse_expiry(body: bytes) -> float | None:
    """When an access token expires, unix seconds; None for never. Raises `RemoteError`."""
    try:
        return unix_time(_key.decode(body).expires)
    except NOT_JSON as exc:
        raise RemoteError(f"no key: {words(exc)}", "key") from exc
