"""A fake of the Tailscale API, as its documentation has it: OAuth tokens, devices, a key about itself, the policy.

A real one cannot be had by a test. What it answers, its error messages too, is from https://tailscale.com/api and from
what users of it have published.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CLIENT_ID = "kClient1CNTRL"
CLIENT_SECRET = f"tskey-client-{CLIENT_ID}-ThisIsVerySecret1234567890abcd"
TOKEN_ID = "kToken1CNTRL"
TOKEN = f"tskey-api-{TOKEN_ID}-ThisIsVerySecretToo1234567890"
DENIED = "calling actor does not have enough permissions to perform this function"
INVALID = "API token invalid"


def device(key: bytes, called: str = "laptop", /, **fields: object) -> dict[str, object]:
    """A device as the API shows it, with its default fields."""
    return {
        "addresses": ["100.87.74.78", "fd7a:115c:a1e0:ac82:4843:ca90:697d:c36e"],
        "id": "92960230385",
        "nodeId": "n292kg92CNTRL",
        "user": "amelie@example.com",
        "name": f"{called}.tailfe8c.ts.net",
        "hostname": called,
        "clientVersion": "1.90.1-t1234567-g7654321",
        "updateAvailable": False,
        "os": "linux",
        "created": "2026-01-08T20:37:09Z",
        "lastSeen": "2026-11-27T10:00:00Z",
        "keyExpiryDisabled": False,
        "expires": "2199-05-15T20:37:09Z",
        "authorized": True,
        "isExternal": False,
        "machineKey": "mkey:" + "1a" * 32,
        "nodeKey": "nodekey:" + key.hex(),
        "tailnetLockKey": "nlpub:" + "2b" * 32,
        "tailnetLockError": "",
        "blocksIncomingConnections": False,
    } | fields


@dataclass
class FakeTailscale:
    """One tailnet. `asked` has method, path and token of each request; `status` is answered instead of a list.

    `policy` is its policy file; `invalid` is what is wrong with any that is to take its place. `on_validate` is called
    when one is validated: others may write meanwhile.
    """

    devices: list[dict[str, object]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    scopes: str = "devices:core:read"
    token_expires: str = "2199-01-01T00:00:00Z"
    expires_in: int = 3600
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    url: str = ""
    policy: str = '{"acls": []}'
    invalid: str = ""
    on_validate: Callable[[], None] = lambda: None
    validated: list[str] = field(default_factory=list)
    _given: int = 0

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, object]:
        """Status and JSON."""
        self.asked.append((method, path, token))
        if (method, path) == ("POST", "/api/v2/oauth/token"):
            return self._give_token({name: values[0] for name, values in parse_qs(body.decode()).items()})
        if token not in self.tokens:
            return 401, {"message": INVALID}
        match path.removeprefix("/api/v2/tailnet/").split("/"):
            case ["-" | "example.com", "devices"] if method == "GET":
                if self.status != 200:
                    return self.status, {"message": "no list today"}
                if "devices:core" not in self.scopes:
                    return 403, {"message": DENIED}
                return 200, {"devices": self.devices}
            case ["-" | "example.com", "keys", key] if key == TOKEN_ID:
                return 200, {
                    "id": key,
                    "keyType": "api",
                    "created": "2026-10-01T00:00:00Z",
                    "expires": self.token_expires,
                }
        return 404, {"message": "not found"}

    @property
    def etag(self) -> str:
        """Of the policy."""
        return f'"{hashlib.sha256(self.policy.encode()).hexdigest()}"'

    def answer_policy(self, method: str, rest: str, token: str, headers: Message, body: str) -> tuple[int, object]:
        """Status and JSON, or the policy's text."""
        if token not in self.tokens:
            return 401, {"message": f"{INVALID}: {token}"}  # as some proxies do
        if "policy_file" not in self.scopes:
            return 403, {"message": DENIED}
        if method == "GET":
            return 200, self.policy if headers["Accept"] == "application/hujson" else json.loads(self.policy)
        if rest == "/validate":
            json.loads(body)  # what the original sends has no comments
            self.validated.append(body)
            self.on_validate()
            said = {"message": "test(s) failed", "data": [{"user": "a@example.com", "errors": [self.invalid]}]}
            return 200, said if self.invalid else {}
        if headers["If-Match"] != self.etag:
            return 412, {"message": "precondition failed, invalid old hash"}
        if headers["Content-Type"] != "application/hujson":
            return 400, {"message": "unexpected content type"}
        self.policy = body
        return 200, self.policy

    def _give_token(self, form: dict[str, str]) -> tuple[int, object]:
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return 401, {"message": INVALID}
        self._given += 1
        token = f"tskey-api-kGiven{self._given}CNTRL-short"
        self.tokens.add(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in, "scope": self.scopes}
        return 200, answer


@contextlib.contextmanager
def fake_tailscale(*devices: dict[str, object]) -> Iterator[FakeTailscale]:
    """One on a loopback port, in a thread."""
    fake = FakeTailscale(list(devices))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if "/acl" in self.path:
                fake.asked.append((self.command, self.path, token))
                rest = self.path.partition("/acl")[2]
                status, value = fake.answer_policy(self.command, rest, token, self.headers, body.decode())
            else:
                status, value = fake.answer(self.command, self.path, token, body)
            answer = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            if isinstance(value, str):
                self.send_header("ETag", fake.etag)
            for name, text in fake.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its parent's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
