"""What the watchman sees of a relay: who comes from outside, and whether its own port answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from support.waiting import until
from support.wire import Wire, relay, run
from tailhub.alerts.reach import SelfTest
from tailhub.server.acme_keeper import AcmeKeeper
from tailhub.server.app import RelayServer
from tailhub.server.stun import StunServer
from tailhub.server.watched import Watched

SOMEBODY = {"notify": ("json://127.0.0.1:1/hook",), "trusted_proxies": ("127.0.0.1",), "tls": False}


async def by_proxy(server: RelayServer, source: str) -> Wire:
    """A client whose address a proxy tells."""
    wire = await Wire.open(server, tls=False)
    wire.write(f"PROXY TCP4 {source} 192.0.2.1 4000 443\r\n".encode())
    return wire


def watched(server: RelayServer) -> Watched:
    return Watched(server.config, server.service, server.advertised, stun=server.stun)


def test_contact_from_outside() -> None:
    """Connections from public addresses are contact, and so is a client of one while it is here; others are not."""

    async def scenario() -> None:
        async with relay(**SOMEBODY) as server:
            looks = watched(server)
            assert looks.contact() == (False, 0)
            neighbour = await by_proxy(server, "192.168.1.7")
            await neighbour.log_in()
            assert looks.contact() == (False, 0)
            scanner = await by_proxy(server, "8.8.4.4")
            await scanner.ask("GET /")
            scanner.close()
            assert looks.contact() == (True, 1)
            assert looks.contact() == (False, 0)
            client = await by_proxy(server, "8.8.8.8")
            await client.log_in()
            assert looks.contact() == (True, 1)
            assert looks.contact() == (True, 0)
            client.close()
            await until(lambda: looks.contact() == (False, 0))

    run(scenario)


def test_what_came_before_is_no_news() -> None:
    """Who begins to look later, as after a reload, sees what comes from then on."""

    async def scenario() -> None:
        async with relay(**SOMEBODY) as server:
            scanner = await by_proxy(server, "8.8.4.4")
            await scanner.ask("GET /")
            scanner.close()
            assert watched(server).contact() == (False, 0)

    run(scenario)


@pytest.mark.parametrize(("address", "public"), [("127.0.0.1", True), ("127.0.0.2", False)])
def test_its_own_port(address: str, public: bool) -> None:
    """The relay finds out whether its port answers on this machine and by the address that the map has."""

    async def scenario() -> None:
        async with relay(addresses=(address,), notify=SOMEBODY["notify"]) as server:
            assert await watched(server).test_own_port() == SelfTest(here=True, public=None)  # no address is known yet
            await server.advertised.find_address(None)
            assert await watched(server).test_own_port() == SelfTest(here=True, public=public)

    run(scenario)


@pytest.mark.parametrize(("source", "is_contact"), [("8.8.8.8", True), ("192.168.1.7", False), ("fd00::1", False)])
def test_stun_from_outside(source: str, is_contact: bool) -> None:
    """A STUN request from a public address is contact once, and the next one is listened for; others are none."""

    class Ears:
        """Takes the place of the STUN server."""

        report: Callable[[str], None]

        def watch_outside(self, report: Callable[[str], None]) -> None:
            self.report = report

    async def scenario() -> None:
        async with relay(notify=SOMEBODY["notify"]) as server:
            looks, ears = watched(server), Ears()
            looks.stun = cast(StunServer, ears)
            for _ in range(2):
                assert looks.contact() == (False, 0)
                ears.report(source)
                assert looks.contact() == (is_contact, 0)

    run(scenario)


def test_a_certificate_that_is_not_renewed() -> None:
    """How often an ACME server has failed is not known at first, then counted, with why."""

    async def scenario() -> None:
        acme = {"acme": True, "hostname": "relay.test", "acme_challenge": "http-01", "http_listen": "127.0.0.1:0"}
        async with relay(**acme, acme_directory="https://127.0.0.1:1/directory") as server:
            keeper = AcmeKeeper(server.foundation, {})
            looks = Watched(server.config, server.service, server.advertised, acme=keeper)
            assert (await looks.look(0.0)).renewals is None
            running = asyncio.get_running_loop().create_task(keeper.run())
            await until(lambda: keeper.renewals is not None and keeper.renewals[0][1] == 1)
            (renewal,) = (await looks.look(0.0)).renewals or ()
            assert (renewal.name, renewal.failures) == ("relay.test", 1)
            assert renewal.finding is not None
            assert "relay.test" in renewal.finding.what()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run(scenario)
