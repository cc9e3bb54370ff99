"""``tailhub relay`` as a process of its own, as its users run it, for tests with clients that nobody here wrote."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from support.server_process import LIMIT_S, ServerProcess, until

__all__ = ["LIMIT_S", "LOOPBACK", "RelayProcess", "UnixConnection", "stop_all", "together", "until"]

# Free ports, all on loopback, and no question to anybody about the address.
LOOPBACK = (
    *("--no-discover", "--listen", "127.0.0.1:0", "--stun-listen", "127.0.0.1:0"),
    *("--admin-listen", "127.0.0.1:0"),
)
_ADMIN_PAGES = re.compile(r"http://[^ ]+:(\d+)/derpmap\.json")


class RelayProcess:
    """A running relay with a state directory and a home of its own; stopped by SIGTERM at the end of a ``with``.

    `options` come after `defaults`, so a later ``--listen`` wins. `prefix` is put before the command, `environ` is
    added to what it inherits; `program` is what the interpreter runs.
    """

    def __init__(
        self,
        *options: str,
        defaults: Sequence[str] = LOOPBACK,
        prefix: Sequence[str] = (),
        state_dir: Path | None = None,
        command: str = "relay",
        environ: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "tailhub"),
    ) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="tailhub-", ignore_cleanup_errors=True)
        home = Path(self._directory.name)
        self.state_dir = state_dir or home / "state"
        self._last_words: str | None = None  # the log, once its file is gone
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        environment |= environ or {}
        environment |= {"HOME": str(home), "STATE_DIRECTORY": str(self.state_dir), "LC_ALL": "C.UTF-8"}
        words = [*prefix, sys.executable, *program, command, *defaults, *options]
        self._process = ServerProcess(words, home / "log", environ=environment, directory=home)
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        try:
            self._process.wait_until(self._listens, "the relay listens")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _listens(self) -> bool:
        try:
            return self.get("/healthz").strip() == b"ok"
        except (OSError, http.client.HTTPException):
            return False

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal that it is to survive."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait until it has ended by itself; its exit code."""
        return self._process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, remove its directory; its exit code."""
        try:
            return self._process.stop(number)
        finally:
            self._last_words = self.log()
            self._directory.cleanup()

    # --- what it says about itself ------------------------------------------------------------------------------------

    def log(self) -> str:
        """All that it has printed, both streams."""
        if self._last_words is not None:
            return self._last_words
        return self._process.log()

    def get(self, target: str) -> bytes:
        """A page of the operator's, by the socket in the state directory, which is there whatever listens where."""
        status, body = get_page(self.state_dir, target)
        assert status == 200, f"{target}: {status} {body!r}\n{self.log()}"
        return body

    def derp_map(self) -> dict[str, Any]:
        """The map for programs on this machine."""
        derp_map: dict[str, Any] = json.loads(self.get("/derpmap.json?view=local"))
        return derp_map

    def node(self) -> dict[str, Any]:
        """The map's one node."""
        (region,) = self.derp_map()["Regions"].values()
        (node,) = region["Nodes"]
        assert isinstance(node, dict)
        return node

    @property
    def port(self) -> int:
        """The TCP port of DERP."""
        return int(self.node()["DERPPort"])

    @property
    def stun_port(self) -> int:
        """The UDP port of STUN, -1 when it is off."""
        return int(self.node()["STUNPort"])

    @property
    def pin(self) -> str:
        """What clients pin: ``sha256-raw:`` and 64 hexadecimal digits."""
        return str(self.node()["CertName"])

    @property
    def map_url(self) -> str:
        """Where programs on this machine get the map: it stands on the first screen."""
        return until(lambda: _ADMIN_PAGES.search(self.log()), "the first screen is there", self.log)[0]

    @property
    def admin_port(self) -> int:
        """The TCP port of the operator's pages."""
        return int(until(lambda: _ADMIN_PAGES.search(self.log()), "the first screen is there", self.log)[1])

    def metrics(self) -> dict[str, float]:
        """Every sample of ``/metrics``, by name with labels as they are written there, none older than this call."""
        asked_at = time.time()

        def newer() -> dict[str, float] | None:
            lines = self.get("/metrics").decode().splitlines()
            samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
            found = {name: float(value) for name, _, value in samples}
            taken_at = found["tailhub_start_time_seconds"] + found["tailhub_uptime_seconds"]
            return found if taken_at >= asked_at else None

        return until(newer, "the metrics are newer", self.log)

    def metric(self, name: str) -> float:
        """One metric of ``/metrics``, summed over its labels; 0 while there is no sample of it."""
        return sum(value for sample, value in self.metrics().items() if sample.partition("{")[0] == name)


@contextlib.contextmanager
def together(relays: Sequence[RelayProcess]) -> Iterator[Sequence[RelayProcess]]:
    """These relays, side by side: they run since they were made, so none waits for another one to listen, or to end."""
    try:
        for relay in relays:
            relay.__enter__()
        yield relays
    finally:
        stop_all(relays)


def stop_all(relays: Sequence[RelayProcess]) -> None:
    """End them at the same time: each may take a while for its clients. Those that have ended stay as they are."""
    with ThreadPoolExecutor() as pool:
        stopped = [pool.submit(relay.stop) for relay in relays]
    for one in stopped:
        one.result()


def get_page(state_dir: Path, target: str) -> tuple[int, bytes]:
    """Status and body of a page of the operator's, from the relay whose state is there."""
    connection = UnixConnection(state_dir / "admin.sock")
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the unix socket at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=LIMIT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
