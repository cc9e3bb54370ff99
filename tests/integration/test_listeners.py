"""Several places where clients connect: one relay, whichever way they came."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from support.ports import free_ports
from support.wire import Wire, relay, run
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.exceptions import MachineError
from tailhub.server.config import ListenerConfig


def test_clients_of_two_ports_reach_each_other() -> None:
    """What is sent by a client of one port arrives at a client of the other: there is one registry."""

    async def scenario() -> None:
        async with relay(more_listeners=(ListenerConfig("127.0.0.1:0"),)) as server:
            first, second = server.listeners.shares[0]
            assert first.port != second.port
            one = await Wire.open(server)
            other = await Wire.open(server, port=second.port)
            await one.log_in()
            await other.log_in()
            one.write(frames.send_packet(other.key, b"over to you"))
            assert await other.frame() == (FrameType.RECV_PACKET, one.key + b"over to you")

    run(scenario)


def test_the_first_listener_is_the_advertised_one() -> None:
    """The map for programs here has the first listener's port."""

    async def scenario() -> None:
        async with relay(more_listeners=(ListenerConfig("127.0.0.1:0"),)) as server:
            assert server.advertised.derp_port == server.listeners.shares[0][0].port

    run(scenario)


def test_a_second_port_that_is_taken_leaves_the_first_free() -> None:
    """When one of the ports cannot be had the relay does not start, and none of the others stays bound."""
    first = free_ports()
    with socket.create_server(("127.0.0.1", 0)) as taken:

        async def scenario() -> None:
            more = (ListenerConfig(f"127.0.0.1:{taken.getsockname()[1]}"),)
            with pytest.raises(MachineError, match="TCP port"):
                async with relay(listen=f"127.0.0.1:{first}", more_listeners=more):
                    pass

        run(scenario)
        socket.create_server(("127.0.0.1", first)).close()


def test_a_unix_socket_is_there_while_the_relay_runs(tmp_path: Path) -> None:
    """A listener may be a unix socket, for a proxy of its group; the file goes with the relay."""
    path = tmp_path / "relay.sock"

    async def scenario() -> None:
        async with relay(more_listeners=(ListenerConfig(f"unix:{path}"),)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
        assert not path.exists()

    run(scenario)
