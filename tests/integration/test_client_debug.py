"""The steps of chosen clients in the log, over real connections."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from wsproto.events import BytesMessage

from support.guarded import begin, begin_websocket, guarded_relay
from support.waiting import until
from support.wire import GONE, Wire, open_client, pass_time, relay, run
from tailhub import box
from tailhub.admin.event_row import EventRow
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.keys import NodePublic, short_key
from tailhub.relay.admission import Answer
from tailhub.server.app import RelayServer
from tailhub.server.client_debug import BURST, MOST_WATCHED, LogState
from tailhub.server.log_actions import LogActions
from tailhub.web.message import Request, Response
from tailhub.web.operator_api import OperatorApi

ADA, BOB = box.generate(), box.generate()
ADA_KEY, BOB_KEY = (box.public_key(private).raw for private in (ADA, BOB))


@pytest.fixture(autouse=True)
def _level_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("tailhub")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)


async def call(server: RelayServer, method: str, body: Any = None, told: list[LogState] | None = None) -> Any:
    """What the operator's API answers; the code of the finding, or the status, if it refuses."""
    tell = told.append if told is not None else lambda state: None
    debug, clock = server.context.debug, server.context.loop.time
    api = OperatorApi(LogActions(debug, clock, tell).routes)
    data = json.dumps(body).encode() if body is not None else b""
    answer = api.respond(Request(method.encode(), b"/api/v1/log-level", b"1.1", (), "", data))
    response = answer if isinstance(answer, Response) else await answer
    value = json.loads(response.body)
    return value if response.status == 200 else value["error"].get("code", response.status)


def steps(server: RelayServer, key: bytes | None = None) -> list[EventRow]:
    """The debug lines so far, of one key or of all."""
    rows, _ = server.recent.after(0)
    found = [row for row in rows if row.event == "debug"]
    return found if key is None else [row for row in found if row.fields.get("key") == str(NodePublic(key))]


def names(rows: list[EventRow]) -> list[object]:
    return [row.fields["step"] for row in rows]


def texts(rows: list[EventRow]) -> str:
    return "\n".join(row.text for row in rows)


# --- what is seen -----------------------------------------------------------------------------------------------------


def test_each_step_of_an_address_is_logged() -> None:
    """From connect to close: ClientHello, TLS, request, upgrade, ClientInfo, control frames both ways, the reason."""

    async def scenario() -> None:
        async with relay() as server:
            await call(server, "PUT", {"debug": ["127.0.0.1"]})
            client = await Wire.open(server)
            await client.log_in(b'{"version":2,"AppName":"probe\\nx"}', b"User-Agent: Go\r\n", private=ADA)
            client.write(frames.note_preferred(True))
            await client.settle()
            client.close()
            await until(lambda: "closed" in names(steps(server)))
            rows = steps(server)
            assert names(rows) == [
                *("connected", "hello", "tls", "upgrade", "derp", "client_info"),
                *("sends", "received", "received", "sends", "closed"),
            ]
            assert rows[1].fields["server_name"] == "relay.example"
            assert rows[1].fields["alpn"] == "http/1.1"
            assert rows[2].fields["tls"] == "TLSv1.3"
            assert rows[3].fields["agent"] == "Go"
            assert (rows[5].fields["key"], rows[5].fields["version"]) == (str(NodePublic(ADA_KEY)), 2)
            sent = ["ServerInfo", "NotePreferred", "Ping", "Pong"]
            assert [row.fields["frame"] for row in rows[6:10]] == sent
            assert "its home is here" in rows[7].text
            assert all(row.level == "debug" and row.text.isprintable() for row in rows)
            assert rows[10].fields["reason"] == "closed by the other side"

    run(scenario)


def test_another_key_is_not_looked_at() -> None:
    """Of two clients the chosen one is seen, with frames that it sends and gets, and the other is not."""

    async def scenario() -> None:
        async with relay() as server:
            await call(server, "PUT", {"debug": [str(NodePublic(ADA_KEY))]})
            ada, bob = await open_client(server, private=ADA), await open_client(server, private=BOB)
            bob.write(frames.send_packet(ADA_KEY, b"x"), frames.ping(b"12345678"))
            await bob.settle()
            ada.write(frames.send_packet(bytes([7]) * 32, b"TS\xf0\x9f\x92\xac" + bytes(60)))
            await ada.settle()
            bob.close()
            while (await ada.frame())[0] != FrameType.PEER_GONE:
                pass
            assert steps(server) == steps(server, ADA_KEY)
            said = texts(steps(server))
            assert "ClientInfo" in said
            assert "not here" in said
            assert f"{short_key(BOB_KEY)}, disconnected" in said
            assert short_key(ADA_KEY) in steps(server)[0].text

    run(scenario)


def test_who_is_here_already_is_seen_from_now_on() -> None:
    """Switched on it shows frames of a connection that was there before; switched off nothing more."""

    async def scenario() -> None:
        async with relay() as server:
            ada = await open_client(server, private=ADA)
            await ada.settle()
            assert steps(server) == []
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            await ada.settle()
            seen = steps(server)
            assert names(seen) == ["received", "sends"]
            await call(server, "PUT", {"debug": []})
            await ada.settle()
            await pass_time(2)
            assert steps(server) == seen

    run(scenario)


def test_numbers_come_once_a_second() -> None:
    """However many packets there are, they are one line a second, and none while nothing happens."""

    async def scenario() -> None:
        async with relay() as server:
            ada, bob = await open_client(server, private=ADA), await open_client(server, private=BOB)
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            for _ in range(50):
                ada.write(frames.send_packet(BOB_KEY, b"secret"))
            await ada.settle()
            await pass_time(5)
            (line,) = [row for row in steps(server) if row.fields["step"] == "second"]
            assert (line.fields["received_packets"], line.fields["received_bytes"]) == (50, 300)
            assert "secret" not in texts(steps(server))
            bob.close()

    run(scenario)


def test_drops_are_told_by_reason() -> None:
    """Packets that nobody gets are numbers of the next line, each reason by its name."""

    async def scenario() -> None:
        async with relay() as server:
            ada = await open_client(server, private=ADA)
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            ada.write(frames.send_packet(bytes([7]) * 32, b"x") * 3)
            await ada.settle()
            await pass_time(3)
            (line,) = [row for row in steps(server) if row.fields["step"] == "second"]
            assert line.fields["dropped_unknown_dest"] == 3
            assert "dropped_unknown_dest 3" in line.text

    run(scenario)


def test_a_client_that_does_not_read_is_told_of() -> None:
    """While packets wait for a client that does not read, each second has a line with how many bytes, until it does."""

    async def scenario() -> None:
        async with relay(write_timeout_s=0) as server:
            ada, bob = await open_client(server, private=ADA), await open_client(server, private=BOB)
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            ada.writer.transport.pause_reading()  # type: ignore[attr-defined]
            (stream,) = [one for one in server.context.derp_connections if one.identity and one.identity.key == ADA_KEY]
            while not stream.stream.is_blocked:
                bob.write(frames.send_packet(ADA_KEY, bytes(60_000)) * 5)
                await bob.settle()
            bob.write(frames.send_packet(ADA_KEY, bytes(1000)))
            await bob.settle()
            await pass_time(1.1)
            line = [row for row in steps(server) if row.fields["step"] == "second"][-1]
            assert line.fields["does_not_read"] == 1

    run(scenario)


def test_the_verdict_is_seen_and_that_it_is_held() -> None:
    """Of one that may not relay the verifiers' answers, that it is held, and why it goes."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            await call(server, "PUT", {"debug": [str(NodePublic(ADA_KEY))]})
            client = await begin(server, private=ADA)
            await guard.answer(Answer.REFUSED)
            await client.frame()
            client.close()
            await until(lambda: "closed" in names(steps(server)))
            assert names(steps(server)) == ["client_info", "verdict", "held", "closed"]
            assert steps(server)[1].fields["admits"] is False

    run(scenario)


def test_that_it_may_not_come_in_now_is_seen() -> None:
    """Of one that has too many connections it is shown that this is why it is closed."""

    async def scenario() -> None:
        async with relay(key_connections=1, refuse="close") as server:
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            first = await open_client(server, private=ADA)
            second = await begin(server, private=ADA)
            assert await second.frame() == GONE
            (step,) = [row for row in steps(server) if row.fields["step"] == "put_off"]
            assert "too many connections of this key" in step.text
            first.close()

    run(scenario)


def test_a_home_that_is_moved_is_seen() -> None:
    """While all homes are steered elsewhere, a client that goes before it was let in has that as its last step."""

    async def scenario() -> None:
        async with relay(stun_listen="127.0.0.1:0") as server:
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            server.steersman.steers_all = True
            client = await begin(server, frames.note_preferred(True), private=ADA)
            client.close()
            await until(lambda: "closed" in names(steps(server)))

    run(scenario)


def test_websockets_are_seen_too() -> None:
    """What a browser sends in its messages is shown as the frames that it is."""

    async def scenario() -> None:
        async with guarded_relay() as (server, guard):
            await call(server, "PUT", {"debug": ["127.0.0.0/8"]})
            client, messages = await begin_websocket(server)
            await guard.answer(Answer.ADMITTED)
            await until(lambda: "sends" in names(steps(server)))
            client.write(messages.send(BytesMessage(data=frames.note_preferred(False))))
            await until(lambda: "its home is elsewhere" in texts(steps(server)))
            assert "upgrade to WEBSOCKET" in texts(steps(server))

    run(scenario)


def test_a_page_is_seen() -> None:
    """A request for a page is shown with its answer, without what stands behind the question mark."""

    async def scenario() -> None:
        async with relay() as server:
            await call(server, "PUT", {"debug": ["127.0.0.1"]})
            client = await Wire.open(server)
            await client.ask("GET /generate_204?token=secret")
            assert "GET /generate_204: 204" in texts(steps(server))
            assert "secret" not in texts(steps(server))
            client.close()

    run(scenario)


def test_addresses_stay_hidden() -> None:
    """Where addresses may not stand in the log they do not in these lines either, nor when the time is over."""

    async def scenario() -> None:
        async with relay(log_addresses=False) as server:
            await call(server, "PUT", {"debug": ["127.0.0.1"], "ends_in_s": {"127.0.0.1": 60}})
            client = await open_client(server, private=ADA)
            client.close()
            await until(lambda: "closed" in names(steps(server)))
            await pass_time(61)
            rows, _ = server.recent.after(0)
            assert "the steps of hidden are logged no longer" in texts(rows)
            assert not any("127.0.0.1" in f"{row.text} {row.fields}" for row in rows)
            assert not any("port" in row.fields for row in rows)

    run(scenario)


def test_everyone_at_the_level_debug() -> None:
    """At the level debug every client is seen, the one that is here too, and at info nobody is."""

    async def scenario() -> None:
        async with relay() as server:
            ada = await open_client(server, private=ADA)
            await call(server, "PUT", {"level": "debug"})
            bob = await open_client(server, private=BOB)
            await ada.settle()
            assert steps(server, ADA_KEY)
            assert steps(server, BOB_KEY)
            await call(server, "PUT", {"level": "info"})
            seen = steps(server)
            await ada.settle()
            await bob.settle()
            assert steps(server) == seen

    run(scenario)


# --- what it may cost -------------------------------------------------------------------------------------------------


def test_a_talkative_client_is_cut_short() -> None:
    """A client that sends ten thousand pings makes so many lines, and the rest is counted."""

    async def scenario() -> None:
        async with relay() as server:
            ada = await open_client(server, private=ADA)
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            for _ in range(100):
                ada.write(frames.ping(b"12345678") * 20)
                await ada.settle()
            assert len(steps(server)) <= BURST + 1
            await pass_time(1.5)
            rows, _ = server.recent.after(0)
            assert any("debug lines more were left out" in row.text for row in rows)

    run(scenario)


def test_only_so_many_connections_are_watched() -> None:
    """Of a network with more clients than may be watched some are not, until one of the others has gone."""

    async def scenario() -> None:
        async with relay() as server:
            clients = [await open_client(server) for _ in range(MOST_WATCHED + 1)]
            await call(server, "PUT", {"debug": ["127.0.0.1"]})
            await clients[-1].settle()
            assert "received" not in names(steps(server))
            clients[0].close()
            await until(lambda: "closed" in names(steps(server)))
            again = await open_client(server, private=ADA)
            await again.settle()
            assert "received" in names(steps(server, ADA_KEY))

    run(scenario)


def test_a_broken_rule_is_still_one() -> None:
    """A client that is watched and breaks the protocol is closed with the reason, which is shown."""

    async def scenario() -> None:
        async with relay() as server:
            ada = await open_client(server, private=ADA)
            await call(server, "PUT", {"debug": [short_key(ADA_KEY)]})
            ada.write(frames.serialize(FrameType.WATCH_CONNS))
            assert await ada.frame() == GONE
            await until(lambda: "closed" in names(steps(server)))
            assert "protocol violation" in texts(steps(server))

    run(scenario)


# --- how it is asked for ----------------------------------------------------------------------------------------------


def test_the_state_is_told_to_workers_and_to_whoever_asks() -> None:
    """A change is answered with all that holds now, and told as it is; times go down."""

    async def scenario() -> None:
        async with relay() as server:
            told: list[LogState] = []
            assert await call(server, "GET") == {"level": "info", "debug": [], "ends_in_s": {}}
            wanted = {"level": "warning", "debug": ["192.0.2.1", "192.0.2.7/24"], "ends_in_s": {"192.0.2.1": 60}}
            answer = await call(server, "PUT", wanted, told)
            assert answer["debug"] == ["192.0.2.1", "192.0.2.0/24"]
            assert answer["ends_in_s"]["192.0.2.1"] == pytest.approx(60, abs=1)
            assert answer["ends_in_s"]["192.0.2.0/24"] == pytest.approx(3600, abs=1)
            (state,) = told
            assert (state.level, list(state.ends)) == ("warning", answer["debug"])
            await pass_time(30)
            left = (await call(server, "PUT", {"debug": ["192.0.2.1"]}))["ends_in_s"]
            assert left["192.0.2.1"] == pytest.approx(30, abs=1)
            await pass_time(31)
            assert (await call(server, "GET"))["debug"] == []

    run(scenario)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"level": "loud"}, "TH270"),
        ({"debug": ["laptop"]}, "TH350"),
        ({"debug": [f"192.0.2.{number}" for number in range(30)]}, "TH351"),
        ({"debug": "192.0.2.1"}, 400),
        ({"debug": [1]}, 400),
        ({"debug": ["192.0.2.1"] * 1000}, 400),
        ({"debug": ["192.0.2.1"], "ends_in_s": {"192.0.2.1": 1e9}}, 400),
        ({"debug": ["192.0.2.1"], "ends_in_s": {"192.0.2.1": float("nan")}}, 400),
        ({"debug": ["192.0.2.1"], "ends_in_s": {"192.0.2.2": 60}}, 400),
        ({"debug": ["192.0.2.1"], "ends_in_s": {"192.0.2.1": True}}, 400),
        ({"debug": ["192.0.2.1"], "ends_in_s": [1]}, 400),
    ],
)
def test_what_makes_no_sense_changes_nothing(body: Any, code: object) -> None:
    """A call that cannot be carried out whole is refused and leaves level and choices as they were."""

    async def scenario() -> None:
        async with relay() as server:
            told: list[LogState] = []
            assert await call(server, "PUT", {"level": "error", **body}, told) == code
            assert told == []
            assert await call(server, "GET") == {"level": "info", "debug": [], "ends_in_s": {}}

    run(scenario)


def test_asyncio_is_not_needed_to_forget() -> None:
    """A relay that stops forgets its timers: nothing is logged after it."""

    async def scenario() -> None:
        async with relay() as server:
            await call(server, "PUT", {"debug": ["192.0.2.1"], "ends_in_s": {"192.0.2.1": 60}})
        await asyncio.sleep(0)
        await pass_time(120)
        assert steps(server) == []
        rows, _ = server.recent.after(0)
        assert "no longer" not in texts(rows)

    run(scenario)
