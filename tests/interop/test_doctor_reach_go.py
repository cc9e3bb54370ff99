"""The doctor looks at the original relay, Go's derper, from another network namespace.

| fault | made by | code |
| --- | --- | --- |
| none | derper on its machine's first address, which is in its certificate | – |
| STUN answers from another address | derper's own STUN on a machine with two addresses, asked at the second | TH009 |
| stopped | derper is ended, its machine stays | TH006 |
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support import require
from support.examined import examine_in, host, node
from support.netns import NetworkNamespace
from support.server_process import ServerProcess

pytestmark = pytest.mark.go

FIRST, SECOND = "10.78.0.1", "10.78.0.3"
DERP = 8443
TIMEOUT_S = 3.0
REACH = {"here", "name", "tcp4", "speaks", "port80", "stun4"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NetworkNamespace, ServerProcess]]:
    """A machine on a cable to derper's, and derper."""
    program = require.go_program("derper")
    directory = tmp_path_factory.mktemp("derper")
    with ExitStack() as stack:
        machine, client = (stack.enter_context(require.network_namespace()) for _ in range(2))
        machine.cable("eth0", client, "eth0")
        for address in (FIRST, SECOND):
            machine.ip("address", "add", f"{address}/24", "dev", "eth0")
        client.ip("address", "add", "10.78.0.2/24", "dev", "eth0")
        command = (
            *(*machine.prefix, program, "-a", f":{DERP}", "-hostname", FIRST, "-http-port", "80"),
            *("-certmode", "manual", "-certdir", str(directory), "-c", str(directory / "derper.key")),
        )
        derper = ServerProcess(command, directory / "log", environ=dict(os.environ))
        stack.callback(derper.stop)
        derper.wait_until(lambda: "sha256-raw:" in derper.log() and _listens(machine), "derper listens")
        yield client, derper


def _listens(machine: NetworkNamespace) -> bool:
    return machine.run("ss", "-Hltn", f"sport = :{DERP}") != ""


def test_the_original(client: tuple[NetworkNamespace, ServerProcess]) -> None:
    """A derper that works gives no finding about reaching it, by address and by a map; one that has stopped does.

    Asked at another of its machine's addresses its STUN answers from the first, which is found too.
    """
    namespace, derper = client
    relays = {
        "host": host(f"{FIRST}:{DERP}"),
        "map": node(HostName=FIRST, IPv4=FIRST, IPv6="none", DERPPort=DERP, InsecureForTests=True),
        "second": host(f"{SECOND}:{DERP}"),
    }
    found = examine_in(namespace.prefix, relays, TIMEOUT_S)
    for name in ("host", "map"):
        assert {found[name].steps[step][0] for step in REACH} == {"ok"}, found[name]
    assert found["second"].of_reach == ["TH009"]
    assert f"Asked was {SECOND}:3478, and the answer came from {FIRST}:3478" in found["second"].whats["TH009"]
    derper.stop()
    stopped = examine_in(namespace.prefix, {"host": host(f"{FIRST}:{DERP}")}, TIMEOUT_S)["host"]
    assert stopped.codes == ["TH006"], stopped
