"""The process of the operator's pages, with a scripted relay at the other end of its channel.

By hand, to look at the pages: ``python -m tests.support.pages_process [PORT [CLIENTS]]`` (token: TOKEN below).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from tailhub.admin.feed import (
    ActionAnswer,
    ActionRequest,
    ClientCounts,
    ClientRow,
    ClientsCame,
    ClientsCounted,
    EventRow,
    EventsCame,
    Facts,
    PairRow,
    PairsUsed,
    Part,
    SnapshotEnd,
    SnapshotRequest,
    ValuesCame,
)
from tailhub.admin.handover import Inherited, make_pair, pass_on
from tailhub.admin.token_file import TOKEN_FILE

TOKEN = "a-token-for-tests-that-nobody-else-has"

ROUTES = [
    {
        "method": "GET",
        "path": "pending",
        "summary": "Keys that were refused",
        "query": [],
        "body": [],
    },
    {
        "method": "POST",
        "path": "pending/*/approve",
        "summary": "Let a refused key in",
        "query": [],
        "body": [{"name": "name", "help": "what the device is called", "kind": "text"}],
    },
    {"method": "POST", "path": "reload", "summary": "Read the configuration again", "query": [], "body": []},
    {"method": "DELETE", "path": "clients/*", "summary": "Disconnect", "query": [], "body": []},
]


def key_of(number: int) -> bytes:
    """The key of client `number`."""
    return hashlib.sha256(b"%d" % number).digest()


class ScriptedRelay:
    """What a relay with so many clients tells; each snapshot finds that they have sent more."""

    def __init__(self, clients: int, state_dir: Path) -> None:
        self.rows = [
            ClientRow(
                number,
                key_of(number),
                f"device-{number}" if number % 3 else "",
                "alice@example.com" if number % 2 else "",
                "friends" if number % 5 == 0 else "",
                f"203.0.113.{number % 250}",
                1024 + number,
                1_700_000_000.0 + number,
                "guest" if number % 7 == 0 else "client",
                "",
                0,
            )
            for number in range(1, clients + 1)
        ]
        self.sent = dict.fromkeys(range(1, clients + 1), 0)
        self.total = 0
        self.requests: list[SnapshotRequest] = []
        self.actions: list[ActionRequest] = []
        self.is_silent = False
        self.faults: list[str] = []
        self.drain: dict[str, Any] | None = None
        self.state_dir = state_dir
        self._random = random.Random(7)
        self._events = 0

    def facts(self) -> Facts:
        """In the shapes of the API."""
        now = time.time()
        return Facts(
            {
                "relay": {
                    "version": "1.2.3",
                    "started": now - 3600,
                    "hostname": "relay.example.com",
                    "addresses": ["203.0.113.1"],
                    "region_id": 947,
                    "public_key": "nodekey:" + key_of(0).hex(),
                    "workers": 1,
                    "state_dir": str(self.state_dir),
                },
                "faults": self.faults,
                "own_names": ["relay.example.com"],
                "state_dir": str(self.state_dir),
                "derp_map": {"local": b'{"Regions": {}}\n', "public": None},
                "drain": self.drain,
                "notices": [{"id": "1", "text": "Maintenance at noon", "at": now - 60}],
                "routes": ROUTES,
                "certificates": [
                    {
                        "listener": ":8443",
                        "names": ["relay.example.com"],
                        "not_before": now - 86400,
                        "not_after": now + 30 * 86400,
                        "days_left": 30.0,
                        "source": "acme",
                        "issuer": "Let's Encrypt",
                    }
                ],
                "verifiers": [{"name": "https://headscale.example.com/verify", "state": "ok", "since": now - 60}],
                "quotas": {
                    "period": {"start": now - 86400 * 10, "end": now + 86400 * 20},
                    "currency": "EUR",
                    "price_per_gb": 0.02,
                    "quotas": [
                        {
                            "scope": "key",
                            "key": "nodekey:" + key_of(1).hex(),
                            "name": "device-1",
                            "used_bytes": 8_000_000_000,
                            "quota_bytes": 10_000_000_000,
                            "level": "warned",
                            "cost": 0.16,
                        }
                    ],
                },
                "tenants": ["", "friends"],
                "mesh": {"peers": [], "workers": [{"number": 0, "pid": 1234, "clients": len(self.rows)}]},
            }
        )

    def answers(self, request: SnapshotRequest) -> Iterator[object]:
        """What is told to a question."""
        self.requests.append(request)
        if self.is_silent:
            return
        moved = self._move()
        if Part.FACTS in request.parts:
            yield self.facts()
        if Part.VALUES in request.parts:
            yield ValuesCame(self._values())
        if Part.CLIENTS in request.parts:
            if request.whole or len(self.requests) == 1:
                self._told = False
            if not getattr(self, "_told", False):
                yield ClientsCame(self.rows)
                moved = list(self.sent)
                self._told = True
            yield ClientsCounted([self._counts(number) for number in moved])
        if Part.PAIRS in request.parts:
            yield PairsUsed(
                [PairRow("", key_of(one), key_of(one % len(self.rows) + 1), 10, 12_000, 12_000) for one in moved[:50]]
            )
        self._events += 1
        line = EventRow(time.time(), "info", "login", f"login {self._events}", {"key": "[AbCdE]"})
        yield EventsCame([line])
        yield SnapshotEnd(request.number, time.time())

    def act(self, request: ActionRequest) -> ActionAnswer:
        """The answer to a call of the relay's own."""
        self.actions.append(request)
        body = {
            "path": request.path,
            "query": request.query,
            "caller": request.caller,
            "body": request.body.decode("utf-8", "replace"),
        }
        return ActionAnswer(request.number, 200, json.dumps(body).encode())

    def _move(self) -> list[int]:
        moved = self._random.sample(list(self.sent), max(1, len(self.sent) // 10)) if self.sent else []
        for number in moved:
            self.sent[number] += self._random.randrange(1000, 1_000_000)
        self.total += sum(self.sent[number] for number in moved) // 10 + 1
        return moved

    def _counts(self, number: int) -> ClientCounts:
        sent = self.sent[number]
        dropped = (("queue_head", number),) if number % 4 == 0 else ()
        return ClientCounts(number, number % 2 == 0, sent // 1000, sent, sent // 1000, sent, 0, 12_345, dropped)

    def _values(self) -> dict[str, Any]:
        return {
            "info": {("1.2.3",): 1},
            "clients": len(self.rows),
            "connections": len(self.rows),
            "home_connections": len(self.rows) // 2,
            "packets_received": self.total // 1000,
            "bytes_received": self.total,
            "packets_sent": self.total // 1000,
            "bytes_sent": self.total,
            "packets_dropped": {("queue_head", "other"): self.total // 100_000, ("unknown_dest", "disco"): 3},
            "stun_requests": {("success",): self.total // 50_000, ("not_stun",): 2},
            "tenant_connections": {("default",): 3, ("friends",): 2},
            "accepts": len(self.rows),
            "refused_keys": 3,
            "process_cpu_s": time.process_time(),
            "process_resident_bytes": 60_000_000,
            "process_open_fds": 100,
            "process_max_fds": 1024,
        }


class PagesProcess:
    """The process, started; ``with`` ends it. `address` is where it listens."""

    def __init__(self, state_dir: Path, clients: int = 20, port: int = 0, host: str = "127.0.0.1") -> None:
        (state_dir / TOKEN_FILE).write_text(TOKEN + "\n")
        self.relay = ScriptedRelay(clients, state_dir)
        self._channel, theirs = socket.socketpair()
        self.handover, their_handover = make_pair()
        listener = socket.create_server((host, port))
        self.address = listener.getsockname()[:2]
        inherited = Inherited(theirs.fileno(), their_handover.fileno(), (listener.fileno(),))
        command = [sys.executable, "-m", "tailhub.admin", *inherited.arguments()]
        self.process = subprocess.Popen(command, pass_fds=inherited.all, start_new_session=True)
        self._started_with = theirs, their_handover, listener
        self._lock = threading.Lock()
        for sock in (theirs, their_handover, listener):
            sock.close()
        self._send(self.relay.facts())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()
        self.handover.close()
        self.process.wait(10)
        self._thread.join(10)

    def ask(
        self, method: str, target: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, header fields with names in lower case, body."""
        connection = HTTPConnection(*self.address, timeout=15)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, response.read()
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Any:
        """The JSON of a page that is there."""
        status, _, body = self.ask("GET", target, headers=headers)
        assert status == 200, (status, body)
        return json.loads(body)

    def act(self, method: str, target: str, body: bytes | str | None = None, token: str = TOKEN) -> tuple[int, Any]:
        """An action, with the token."""
        status, _, answer = self.ask(method, target, body, {"Authorization": f"Bearer {token}"})
        return status, json.loads(answer)

    def over_unix(self, data: bytes) -> socket.socket:
        """A connection that the relay has accepted on its unix socket and passed on, with what it has read of it."""
        ours, theirs = socket.socketpair()
        ours.settimeout(15)
        pass_on(self.handover, theirs.fileno(), data)
        theirs.close()
        return ours

    def change_facts(self, change: Callable[[ScriptedRelay], None]) -> None:
        """Change what the relay says of itself, and say it."""
        change(self.relay)
        self._send(self.relay.facts())

    def _serve(self) -> None:
        with contextlib.suppress(OSError, EOFError), self._channel.makefile("rb") as file:
            while length := file.read(4):
                message = pickle.loads(file.read(int.from_bytes(length)))
                if isinstance(message, SnapshotRequest):
                    for answer in self.relay.answers(message):
                        self._send(answer)
                elif isinstance(message, ActionRequest) and not self.relay.is_silent:
                    self._send(self.relay.act(message))

    def _send(self, message: object) -> None:
        body = pickle.dumps(message)
        with self._lock:
            self._channel.sendall(len(body).to_bytes(4) + body)


def main() -> None:
    """Show the pages of a scripted relay until Ctrl-C."""
    port, clients = (int(word) for word in (*sys.argv[1:], *("9912", "200")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as directory, PagesProcess(Path(directory), clients, port) as pages:
        host, port = pages.address
        print(f"http://{host}:{port}/  token: {TOKEN}  pid of the pages: {pages.process.pid}, ours: {os.getpid()}")
        with contextlib.suppress(KeyboardInterrupt):
            pages.process.wait()


if __name__ == "__main__":
    main()
