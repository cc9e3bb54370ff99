"""``tailhub doctor`` on a client's machine in the rig, beside what that client itself says of the same relay.

| fault | how it is produced | code | the client meanwhile |
| --- | --- | --- | --- |
| none | | none | no word about the relay |
| STUN blocked | the kernel drops UDP at the relay | TH003 | UDP is "false", and the relay is its home all the same |
| the port is closed | the relay is stopped | TH006 | cannot connect |
| the pin is broken | the relay starts again, without the state that it had | TH014 | ``cert hash does not match`` |

All is real: tailscaled, headscale, the relay (ours and the original's), the kernel's network.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interop.test_netcheck_go import DERPER, load_rig
from support import require
from support.relay_process import until

pytestmark = pytest.mark.go

PORT = 8443
TAILHUB = (
    f"{sys.executable} -m tailhub relay --listen {{IP}}:{{PORT}} --stun-listen {{IP}}:{{STUN}} --admin-listen off "
    "--state-dir {DIR}/state"
)
LIMIT_S = 60.0


class Machine:
    """A client's machine, which reaches the relay and nothing else."""

    def __init__(self, rig: Any, net: Any, directory: Path) -> None:
        self._rig = rig
        self._net = net
        self._map = directory / "map.json"
        self._map.write_text(self.tailscale("debug", "derp-map"))
        self._path = f"PATH={net.bin}:/usr/sbin:/usr/bin:/sbin:/bin"

    def tailscale(self, *words: str) -> str:
        """What its client prints."""
        return str(self._net.ts(1, *words, timeout=LIMIT_S))

    def health(self) -> list[str]:
        """What its client tells its user."""
        return list(self._net.status(1)["Health"] or [])

    def log(self, pattern: str) -> list[str]:
        """Lines of its client's log."""
        return list(self._net.log_lines("n1", pattern))

    def doctor(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The exit code of the check of the client's map, and what it finds."""
        command = ["env", self._path, f"HOME={self._net.dir}", sys.executable, "-m", "tailhub", "doctor", "--json"]
        done = self._net.ns.run("n1", [*command, *words], timeout=LIMIT_S, check=False)
        assert done.stdout, done.stderr
        whole: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, whole["reports"][0]

    def codes(self) -> list[str]:
        """What is found wrong, by a file of the map."""
        return self._found(str(self._map))

    def codes_by_client(self) -> list[str]:
        """What is found wrong, by the map that the running client has."""
        return self._found(f"tailnet:{self._net.dir}/n1/sock")

    def _found(self, target: str) -> list[str]:
        code, report = self.doctor(target)
        assert code == int("error" in [finding["severity"] for finding in report["findings"]])
        return [finding["code"] for finding in report["findings"]]

    @contextmanager
    def stun_blocked(self) -> Iterator[None]:
        """The kernel of the relay's machine drops all UDP."""
        if shutil.which("nft") is None:
            require.missing("netns", "nft (Debian: nftables) is not in PATH, which UDP is blocked with")
        self._net.ns.run("relay", ["nft", "-f", "-"], stdin=self._rig.STUN_BLOCK)
        try:
            yield
        finally:
            self._net.ns.run("relay", ["nft", "delete", "table", "inet", "blocked"])

    def stop_relay(self) -> None:
        """Its port is closed from then on."""
        self._net.relay.stop()

    def start_relay_without_its_state(self) -> None:
        """It makes itself a new certificate."""
        shutil.rmtree(self._net.dir / "state", ignore_errors=True)
        for file in self._net.dir.glob(f"{self._net.host}.*"):
            file.unlink()
        self._net.start_relay()


@contextmanager
def machine(directory: Path, relay: str) -> Iterator[Machine]:
    """A client that is logged in."""
    rig = load_rig()
    require.root("the rig")
    require.openssl()
    programs = directory / "bin"
    programs.mkdir()
    for name in ("headscale", "tailscaled", "tailscale", "derper"):
        (programs / name).symlink_to(require.go_program(name))
    with rig.Tailnet(programs, relay, variant="B", nodes=1, port=PORT) as net:
        net.start_relay()
        shown = net.ns.inside("relay", ssl.get_server_certificate, (rig.RELAY_IP, PORT))
        net.cert = directory / "shown.pem"  # whose hash the map gets
        net.cert.write_text(shown)
        net.start_headscale()
        net.start_node(1)
        net.login_node(1)
        until(lambda: net.status(1)["Self"]["Relay"] == "rig", "the client has a home", net.node[1].tail)
        yield Machine(rig, net, directory)


def wait_for(word: str, said: Callable[[], list[str]]) -> None:
    until(lambda: any(word in line for line in said()), f"the client says {word!r}", lambda: "\n".join(said()))


@pytest.mark.parametrize("relay", [pytest.param(TAILHUB, id="tailhub"), pytest.param(DERPER, id="derper")])
def test_the_cause_is_named_where_the_client_suffers_from_it(relay: str, tmp_path: Path) -> None:
    """And it is the only thing that is found."""
    with machine(tmp_path, relay) as one:
        assert one.codes() == one.codes_by_client() == []
        assert not [line for line in one.health() if "elay" in line]

        with one.stun_blocked():
            assert one.codes() == ["TH003"]
            checked = json.loads(one.tailscale("netcheck", "--format=json"))
            assert not checked["UDP"]
            assert checked["PreferredDERP"] == 900

        one.stop_relay()
        assert one.codes() == ["TH006"]
        wait_for("connection refused", lambda: one.log("derp"))

        one.start_relay_without_its_state()
        assert one.codes() == one.codes_by_client() == ["TH014"]
        wait_for("cert hash does not match", lambda: one.log("derp|cert"))


def test_a_socket_without_a_client_is_told(tmp_path: Path) -> None:
    """It is named in what is said, with the words of the original's program."""
    program = require.go_program("tailscale")
    words = (sys.executable, "-m", "tailhub", "doctor", f"tailnet:{tmp_path}/none.sock")
    done = subprocess.run(
        words,
        env=os.environ | {"PATH": str(Path(program).parent)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "[TH463]" in done.stderr
