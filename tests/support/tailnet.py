"""A small tailnet of programs that nobody here wrote: headscale and two ``tailscaled``, in network namespaces.

The nodes reach the namespace of the relay and nothing else, so that all they say to each other goes through the relay.
Which relay that is and which map leads there is up to the test: `write_map` is what headscale serves. Needs root.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import trustme

from support import require
from support.netns import NetworkNamespace
from support.relay_process import until

RELAY_IP = "198.51.100.1"  # of TEST-NET-2, which nobody routes
CONTROL_URL = f"https://{RELAY_IP}:8080"  # not HTTP: a client that dials twice within minutes insists on TLS
REFRESH_S = 1  # headscale looks at its map file anew
PING_PAUSE_S = 0.1
COMMAND_LIMIT_S = 60.0
STOP_S = 10.0
ECHO_PORT = 7
_ECHO = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("0.0.0.0", {ECHO_PORT}))
    while True:
        sock.sendto(*sock.recvfrom(2048))
"""
# Prints when each answer came, on the clock that all processes of a machine share, and the number of its ping.
_PINGER = f"""
import select, socket, sys, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.setblocking(False)
    due = time.monotonic()
    number = 0
    while True:
        if time.monotonic() >= due:
            due += {PING_PAUSE_S}
            number += 1
            try:
                sock.sendto(b"%d" % number, (sys.argv[1], {ECHO_PORT}))
            except OSError:  # no route as yet
                pass
        if select.select([sock], [], [], max(0.0, due - time.monotonic()))[0]:
            try:
                answered = sock.recv(2048)
            except OSError:
                continue
            print(time.monotonic(), answered.decode(), flush=True)
"""


class Pings:
    """Pings from one node to the other, ten a second, while a ``with`` lasts; `answered_at` is when answers came."""

    def __init__(self, answers: Path) -> None:
        self._answers = answers

    @property
    def answered_at(self) -> list[float]:
        """Monotonic seconds."""
        return [answered_at for answered_at, _ in self._lines()]

    @property
    def lost(self) -> int:
        """How many between the first and the last answered one were not answered."""
        numbers = {number for _, number in self._lines()}
        return max(numbers) - min(numbers) + 1 - len(numbers)

    def _lines(self) -> list[tuple[float, int]]:
        lines = self._answers.read_text().splitlines(keepends=True)
        words = [line.split() for line in lines if line.endswith("\n")]
        return [(float(answered_at), int(number)) for answered_at, number in words]

    def wait_for_more(self, count: int, details: Callable[[], str] = str) -> None:
        """Until `count` more answers have come."""
        wanted = len(self.answered_at) + count
        until(lambda: len(self.answered_at) >= wanted, f"{count} more answers to pings", details)

    @property
    def longest_silence_s(self) -> float:
        """The longest time from one answer to the next."""
        return max(later - earlier for earlier, later in itertools.pairwise(self.answered_at))


class Tailnet:
    """Use it in a ``with``; `relay` is the namespace that the relay belongs in, which has `RELAY_IP`."""

    def __init__(self, directory: Path) -> None:
        self._programs = {name: require.go_program(name) for name in ("headscale", "tailscaled", "tailscale")}
        if not Path("/dev/net/tun").exists():
            require.missing("netns", "there is no /dev/net/tun for tailscaled")
        self._directory = directory
        self._stack = contextlib.ExitStack()
        self._map = directory / "derp.yaml"
        self._headscale: subprocess.Popen[bytes] | None = None
        authority, made = trustme.CA(), directory / "control"
        self._roots = directory / "roots.pem"
        authority.cert_pem.write_to_path(self._roots)
        pair = authority.issue_cert(RELAY_IP)
        pair.cert_chain_pems[0].write_to_path(made.with_suffix(".crt"))
        pair.private_key_pem.write_to_path(made.with_suffix(".key"))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.relay = stack.enter_context(require.network_namespace())
            self.relay.ip("address", "add", f"{RELAY_IP}/32", "dev", "lo")
            self._run(self.relay, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward")
            self.nodes = tuple(stack.enter_context(require.network_namespace()) for _ in range(2))
            for number, node in enumerate(self.nodes, 1):
                node.cable("eth0", self.relay, f"node{number}")
                self.relay.ip("address", "add", f"10.77.{number}.1/24", "dev", f"node{number}")
                node.ip("address", "add", f"10.77.{number}.2/24", "dev", "eth0")
                node.ip("route", "add", "default", "via", f"10.77.{number}.1")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def log(self) -> str:
        """The last that its programs have said."""
        logs = sorted(self._directory.glob("*.log"))
        return "\n".join(f"{log.name}:\n" + log.read_text("utf-8", "replace")[-3000:] for log in logs)

    def on_relay(self, *words: str) -> str:
        """Run a command where the relay is; what it prints."""
        return self._run(self.relay, *words)

    # --- control ------------------------------------------------------------------------------------------------------

    def write_map(self, yaml: str) -> None:
        """What ``derp.paths`` names: served from the next start on, and within `REFRESH_S` where it is looked at."""
        written = self._directory / "derp.yaml.new"
        written.write_text(yaml, encoding="utf-8")
        written.replace(self._map)

    def start_headscale(self, *, looks_again: bool) -> None:
        """Start it, or start it anew; `looks_again` is whether it notices a changed map by itself."""
        if self._headscale is not None:
            _stop(self._headscale)
        home = self._directory
        config = {
            "server_url": CONTROL_URL,
            "listen_addr": CONTROL_URL.removeprefix("https://"),
            "tls_cert_path": str(home / "control.crt"),
            "tls_key_path": str(home / "control.key"),
            "metrics_listen_addr": "",
            "grpc_listen_addr": "127.0.0.1:50443",
            "noise": {"private_key_path": str(home / "noise.key")},
            "prefixes": {"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48"},
            "database": {"type": "sqlite", "sqlite": {"path": str(home / "db.sqlite")}},
            "derp": {
                "server": {"enabled": False},
                "urls": [],
                "paths": [str(self._map)],
                "auto_update_enabled": looks_again,
                "update_frequency": f"{REFRESH_S}s",
            },
            "dns": {"magic_dns": False, "base_domain": "tailnet.example", "override_local_dns": False},
            "disable_check_updates": True,
            "unix_socket": str(home / "headscale.sock"),
        }
        (home / "headscale.yaml").write_text(json.dumps(config))  # JSON is YAML
        self._headscale = self._start(self.relay, "headscale", *self._headscale_words("serve"))
        until(lambda: self._answers("users", "list"), "headscale answers", self.log)

    def _headscale_words(self, *words: str) -> tuple[str, ...]:
        return (self._programs["headscale"], "-c", str(self._directory / "headscale.yaml"), *words)

    def _answers(self, *words: str) -> bool:
        command = (*self.relay.prefix, *self._headscale_words(*words))
        return subprocess.run(command, capture_output=True, timeout=COMMAND_LIMIT_S, check=False).returncode == 0

    def join(self, roots: str = "") -> None:
        """Start both nodes and log them in. They believe control's CA and no other, but for `roots`, more in PEM."""
        with self._roots.open("a", encoding="ascii") as file:
            file.write(roots)
        self._run(self.relay, *self._headscale_words("users", "create", "someone"))
        made = self._run(
            self.relay, *self._headscale_words("preauthkeys", "create", "--user", "1", "--reusable", "-o", "json")
        )
        key = json.loads(made)["key"]
        for number, node in enumerate(self.nodes):
            home = self._directory / f"node{number}"
            home.mkdir()
            words = (self._programs["tailscaled"], f"--statedir={home}", f"--socket={home}/socket", "--port=41641")
            own = {"HOME": str(home), "TS_LOGS_DIR": str(home), "SSL_CERT_FILE": str(self._roots)}
            self._start(node, f"node{number}", *words, "--no-logs-no-support", environ=own)
            until((home / "socket").exists, "tailscaled has its socket", self.log)
        for number in range(len(self.nodes)):
            options = ("--accept-dns=false", "--netfilter-mode=off", f"--hostname=node{number}", "--timeout=60s")
            self.tailscale(number, "up", f"--login-server={CONTROL_URL}", f"--auth-key={key}", *options)

    # --- nodes --------------------------------------------------------------------------------------------------------

    def tailscale(self, number: int, *words: str) -> str:
        """Run ``tailscale`` for a node; what it prints."""
        home = self._directory / f"node{number}"
        return self._run(self.nodes[number], self._programs["tailscale"], f"--socket={home}/socket", *words)

    def address(self, number: int) -> str:
        """A node's address in the tailnet."""
        return self.tailscale(number, "ip", "-4").strip()

    def derp_map(self, number: int) -> dict[str, Any]:
        """The map that a node has now."""
        derp_map: dict[str, Any] = json.loads(self.tailscale(number, "debug", "derp-map"))
        return derp_map

    def ways(self, number: int) -> list[tuple[str, str]]:
        """For each peer of a node, the address by which it is reached directly, "" for none, and its relay's region."""
        peers = json.loads(self.tailscale(number, "status", "--json"))["Peer"] or {}
        return [(peer["CurAddr"], peer["Relay"]) for peer in peers.values()]

    @contextlib.contextmanager
    def pings(self) -> Iterator[Pings]:
        """Ping from the first node to the second, through the tunnel."""
        answers = self._directory / "answers"
        echo = self._start(self.nodes[1], "echo", sys.executable, "-c", _ECHO)
        with answers.open("wb") as output:
            words = (*self.nodes[0].prefix, sys.executable, "-c", _PINGER, self.address(1))
            pinger = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output)
        try:
            yield Pings(answers)
        finally:
            _stop(pinger)
            _stop(echo)

    # --- programs -----------------------------------------------------------------------------------------------------

    def _run(self, where: NetworkNamespace, *words: str) -> str:
        done = subprocess.run(
            (*where.prefix, *words), capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
        )
        assert done.returncode == 0, f"{re.sub('hskey[^ ]+', 'KEY', ' '.join(words))}\n{done.stderr}\n{self.log()}"
        return done.stdout

    def _start(
        self, where: NetworkNamespace, name: str, *words: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TS_", "XDG_"))}
        with (self._directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                (*where.prefix, *words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=kept | {"HOME": str(self._directory)} | dict(environ or {}),
            )
        self._stack.callback(_stop, process)
        return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
