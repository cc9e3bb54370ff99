"""Faults 9, 19, 20, 22 and 23 of the diagnosis, produced and named: logging in and relaying packets.

Real proxies and real paths: `test_doctor_paths`.

| fault | how it is produced here | code |
| --- | --- | --- |
| 9 large packets vanish | a proxy that chokes on large writes | TH402 |
| 19 a proxy buffers | a TCP proxy that collects (stands in: no common proxy does that after an upgrade) | TH403 |
| 19 an idle connection dies | a proxy that forgets it without a word | TH404 |
| 20 login closes after ClientInfo | our relay with an allow list and refuse = close | TH400 |
| 20 reachable, but this key is not allowed | our relay with an allow list | TH401, TH409 |
| 22 packets are lost | a proxy that drops frames | TH405 |
| 22 delay | a TCP proxy that delays (no delaying network device is in every kernel) | TH406 |
| 23 limited by the relay | our relay with a limit | TH407 |

Beside these: answers that are no DERP, none at all, packets that are changed on the way, relays that tell something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from support.middlebox import Frame, Ship, chokes_on, frames, in_lumps, late, middlebox
from support.relaying import check
from support.scripted_relay import Session, scripted_relay
from support.wire import relay, run
from tailhub import box
from tailhub.derp import frames as derp
from tailhub.derp.frames import FrameType
from tailhub.keys import NodePrivate
from tailhub.relay.health import Notice
from tailhub.tools.doctor.judge.login import LoginEnd
from tailhub.tools.doctor.judge.packets import Way
from tailhub.tools.report import Outcome

KEY = NodePrivate(bytes(range(1, 33)))
PUBLIC = str(box.public_key(KEY))
TIMEOUT_S = 0.6  # for an answer that does not come
RATE = 1_000_000.0


def allow_list(directory: Path, *keys: str) -> Path:
    file = directory / "allowed_keys"
    file.write_text("".join(f"{key}\n" for key in keys))
    return file


# --- nothing is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_a_healthy_relay(tls: bool) -> None:
    """A relay that lets everybody in and passes everything on gives no finding."""

    async def scenario() -> None:
        async with relay(tls=tls) as server:
            said = await check(server.listeners.public.port, tls=tls)
            assert said.codes == []
            assert [said.steps[name].outcome for name in ("login", "packets")] == [Outcome.OK, Outcome.OK]
            packets = said.seen.packets
            assert [(flight.size, flight.sent) for flight in packets.flights] == [(60, 10), (1400, 10), (65_536, 10)]
            assert packets.received == packets.sent
            assert said.seen.login.server_key == server.context.public_key

    run(scenario)


def test_few_connections() -> None:
    """A whole look makes three connections: relays may limit those from one address."""

    async def scenario() -> None:
        async with relay() as server:
            await check(server.listeners.public.port)
            assert server.context.relay.stats.accepts == 3

    run(scenario)


def test_a_limit_of_connections() -> None:
    """A relay that allows one connection a key is healthy too."""

    async def scenario() -> None:
        async with relay(key_connections=1) as server:
            assert (await check(server.listeners.public.port, private_key=KEY)).codes == []

    run(scenario)


def test_two_relays_behind_one_address() -> None:
    """Packets between clients of different relays are not called lost: that is another fault."""

    async def scenario() -> None:
        async with relay() as one, relay() as other:
            ports = (one.listeners.public.port, other.listeners.public.port)
            async with middlebox(*ports) as port:
                said = await check(port, timeout_s=TIMEOUT_S)
        assert said.codes == ["TH029"]

    run(scenario)


# --- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refuse", ["hold", "close"])
@pytest.mark.parametrize("is_kept", [True, False], ids=["own key", "thrown away"])
def test_a_key_that_is_not_allowed(refuse: str, is_kept: bool, tmp_path: Path) -> None:
    """It is a note, whether the relay says why or just closes: the relay is well, and packets are not tested."""

    async def scenario() -> None:
        listed = allow_list(tmp_path, str(box.public_key(box.generate())))
        async with relay(allow_list=listed, refuse=refuse, refuse_text="Ask Ann.") as server:
            said = await check(server.listeners.public.port, private_key=KEY if is_kept else None)
        code = "TH401" if refuse == "hold" else "TH400"
        assert said.codes == [code]
        assert ("Ask Ann" in said.findings[code].what()) == (refuse == "hold")
        assert (f"`tailhub allow add {PUBLIC}`" in said.findings[code].remedy()) == is_kept
        assert (said.steps["login"].outcome, said.steps["login"].code) == (Outcome.OK, code)
        assert (said.steps["packets"].outcome, said.steps["packets"].code) == (Outcome.UNTESTED, code)
        assert str(said.steps["packets"].remark) == "not tested: this key is not allowed"

    run(scenario)


@pytest.mark.parametrize("refuse", ["hold", "close"])
def test_a_key_that_should_be_allowed(refuse: str, tmp_path: Path) -> None:
    """Of a key that somebody named as one that may relay it is an error."""

    async def scenario() -> None:
        listed = allow_list(tmp_path, str(box.public_key(box.generate())))
        async with relay(allow_list=listed, refuse=refuse) as server:
            said = await check(server.listeners.public.port, private_key=KEY, must_be_admitted=True)
        assert said.codes == ["TH409"]
        assert said.steps["login"].outcome is Outcome.FAIL

    run(scenario)


def test_one_key_is_allowed(tmp_path: Path) -> None:
    """Where no second key is let in, one sends to itself, and the step says so."""

    async def scenario() -> None:
        async with relay(allow_list=allow_list(tmp_path, PUBLIC)) as server:
            said = await check(server.listeners.public.port, private_key=KEY)
        assert said.codes == []
        assert (said.seen.packets.sent, said.seen.packets.received) == (30, 30)
        assert "from one key to itself" in str(said.steps["packets"].remark)

    run(scenario)


def test_what_the_relay_tells_its_users() -> None:
    """A notice is shown as a note, which makes nobody ill."""

    async def scenario() -> None:
        async with relay() as server:
            server.service.set_notices([Notice("Maintenance at noon.", 1.0)])
            said = await check(server.listeners.public.port)
        assert said.codes == ["TH413"]
        assert "Maintenance at noon" in said.findings["TH413"].what()
        assert said.steps["notice"].outcome is Outcome.OK

    run(scenario)


# --- logins that go wrong: a relay that does what is told stands in ---------------------------------------------------


async def _no_answer(session: Session) -> None:
    await session.log_in(admit=False)
    await session.until_closed()


async def _not_derp(session: Session) -> None:
    await session.read_request()
    session.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n", b"\x00" * 64)
    await session.until_closed()


async def _other_box(session: Session) -> None:
    await session.log_in(derp.serialize(FrameType.SERVER_INFO, bytes(80)), admit=False)
    await session.until_closed()


async def _closes_early(session: Session) -> None:
    await session.read_request()


async def _never_stops_telling(session: Session) -> None:
    await session.log_in(admit=False)
    while not session.reader.at_eof():
        session.write(derp.health("Go away."))
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "end", "code"),
    [
        (_no_answer, LoginEnd.SILENT, "TH410"),
        (_not_derp, LoginEnd.BROKEN, "TH411"),
        (_other_box, LoginEnd.BROKEN, "TH411"),
        (_closes_early, LoginEnd.BROKEN, "TH411"),
        (_never_stops_telling, LoginEnd.TOLD, "TH401"),
    ],
)
def test_logins_that_go_wrong(script: Callable[[Session], object], end: LoginEnd, code: str) -> None:
    """No answer and an answer that is no DERP are errors, and apart; packets are not tested then."""

    async def scenario() -> None:
        async with scripted_relay(script) as port:  # type: ignore[arg-type]
            said = await check(port, tls=False, timeout_s=TIMEOUT_S / 3)
        assert said.seen.login.end is end
        assert said.codes == [code]
        assert (said.steps["packets"].outcome, said.steps["packets"].code) == (Outcome.UNTESTED, code)

    run(scenario)


def test_nobody_there_any_more() -> None:
    """A port that has been closed in between fails as a login, and raises nothing."""

    async def scenario() -> None:
        async with relay() as server:
            port = server.listeners.public.port
        said = await check(port)
        assert (said.seen.login.end, said.codes) == (LoginEnd.FAILED, ["TH411"])

    run(scenario)


# --- what becomes of packets: a proxy between plain DERP connections --------------------------------------------------


def _drops(every: int) -> Callable[[int, bytes], list[Frame]]:
    numbers = count()

    def edit(kind: int, body: bytes) -> list[Frame]:
        is_lost = kind == FrameType.RECV_PACKET and next(numbers) % every == 0
        return [] if is_lost else [(kind, body)]

    return edit


def _alters(kind: int, body: bytes) -> list[Frame]:
    return [(kind, body[:-1] + bytes([body[-1] ^ 1]) if kind == FrameType.RECV_PACKET else body)]


def _doubles(kind: int, body: bytes) -> list[Frame]:
    return [(kind, body)] * (2 if kind == FrameType.RECV_PACKET else 1)


def _drops_large(kind: int, body: bytes) -> list[Frame]:
    return [] if len(body) > 1300 else [(kind, body)]


def _drops_all(kind: int, body: bytes) -> list[Frame]:
    return [] if kind == FrameType.RECV_PACKET else [(kind, body)]


class _Overtakes:
    """Keeps every fourth packet back until the next one has gone."""

    def __init__(self) -> None:
        self._numbers = count()
        self._kept: list[Frame] = []

    def __call__(self, kind: int, body: bytes) -> list[Frame]:
        if kind == FrameType.RECV_PACKET and next(self._numbers) % 4 == 1:
            self._kept = [(kind, body)]
            return []
        kept, self._kept = self._kept, []
        return [(kind, body), *kept]


@pytest.mark.parametrize(
    ("edit", "code", "step"),
    [
        (_drops(10), "TH405", Outcome.WARNING),
        (_alters, "TH412", Outcome.FAIL),
        (_doubles, "TH412", Outcome.FAIL),
        (_Overtakes(), "TH412", Outcome.FAIL),
        (_drops_large, "TH402", Outcome.FAIL),
        (_drops_all, "TH414", Outcome.FAIL),
    ],
    ids=["drops", "alters", "doubles", "overtakes", "drops large", "drops all"],
)
def test_packets_that_do_not_come_as_they_were_sent(
    edit: Callable[[int, bytes], list[Frame]], code: str, step: Outcome
) -> None:
    """Lost, altered, doubled, overtaken, lost only if large, and lost altogether are told apart."""

    async def scenario() -> None:
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, down=frames(edit)) as port:
            said = await check(port, tls=False, timeout_s=TIMEOUT_S)
        assert said.codes == [code]
        assert said.steps["packets"].outcome is step

    run(scenario)


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_proxy_that_chokes_on_large_writes(way: str) -> None:
    """Large packets vanish with all that follows them; which way it was is told by a ping behind them."""

    async def scenario() -> None:
        ways: dict[str, Ship] = {way: chokes_on(1300)}
        # Without TLS: its handshake has more bytes than the proxy takes.
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, **ways) as port:
            said = await check(port, tls=False, timeout_s=TIMEOUT_S)
        assert said.codes == ["TH402"]
        assert said.seen.packets.stalled is (Way.TOWARDS if way == "up" else Way.FROM)
        assert said.steps["idle"].code == "TH402"

    run(scenario)


def test_a_proxy_that_collects() -> None:
    """Packets that come in lumps are told from those that are merely late."""

    async def scenario() -> None:
        async with relay() as server, middlebox(server.listeners.public.port, down=in_lumps(0.05)) as port:
            said = await check(port, packets=30)
        assert said.codes == ["TH403"]

    run(scenario)


def test_a_proxy_that_delays() -> None:
    """A delay that TCP's own round trip does not explain is told; on which way it is, nobody here can know."""

    async def scenario() -> None:
        async with relay() as server, middlebox(server.listeners.public.port, up=late(0.06)) as port:
            said = await check(port, packets=10)
        assert said.codes == ["TH406"]
        assert "Pings are late too" in said.findings["TH406"].what()

    run(scenario)


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "skipped"), [(RATE, ()), (1.0, (65_536,))])
def test_a_limit_that_the_relay_announces(rate: float, skipped: tuple[int, ...]) -> None:
    """The rate is told as a note, and kept to: a relay with a limit is neither lossy nor slow."""

    async def scenario() -> None:
        options = {"rate_limit_bytes_per_s": rate, "rate_burst_bytes": 65_600.0}
        async with relay(**options) as server:
            said = await check(server.listeners.public.port)
        assert said.codes == ["TH407"]
        assert said.seen.packets.skipped == skipped
        assert said.seen.packets.received == said.seen.packets.sent

    run(scenario)


# --- a connection that nobody uses ------------------------------------------------------------------------------------


def test_a_connection_that_is_forgotten() -> None:
    """A way that dies without a word is found by the ping after the wait."""

    async def scenario() -> None:
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, up=frames(_forgets())) as port:
            said = await check(port, tls=False, watch_s=0.1, timeout_s=TIMEOUT_S)
        assert said.codes == ["TH404"]
        assert "nothing comes back" in said.findings["TH404"].what()

    run(scenario)


def _forgets() -> Callable[[int, bytes], list[Frame]]:
    """Lets everything through but the pings that come after packets: a NAT that has forgotten the connection."""
    packets = count()

    def edit(kind: int, body: bytes) -> list[Frame]:
        is_late = kind == FrameType.PING and next(packets) >= 2 * 5 + 1  # one at login, five of each client
        return [] if is_late else [(kind, body)]

    return edit
