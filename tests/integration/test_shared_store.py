"""Relays that share a PostgreSQL database: one list of friends, one quota, and what happens while it is away."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support import require
from support.kept import is_kept
from support.postgres import Postgres
from support.quick_relay import PROGRAM
from support.relay_process import RelayProcess, until
from support.waiting import run
from tailhub import box
from tailhub.cli.app import run as command
from tailhub.client import DERPClient, Health, Message, ReceivedPacket, ServerInfo
from tailhub.keys import NodePrivate, new_mesh_key_text
from tailhub.relay.billing import GB
from tailhub.store import tables

ALICE, BOB = (NodePrivate(bytes([number]) * 32) for number in (1, 2))
QUOTA = 20_000  # bytes
PACKET = bytes(1_000)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A server for all tests of this module."""
    with Postgres(require.postgres()) as server:
        yield server


def name_of(private: NodePrivate) -> str:
    return f"nodekey:{box.public_key(private).raw.hex()}"


def relay(place: str, *options: str, state_dir: Path | None = None) -> RelayProcess:
    """A relay that has its store there, and looks at it often; the URL is no flag, as it is in real life."""
    return RelayProcess(*options, state_dir=state_dir, program=PROGRAM, environ={"TAILHUB_STORE": place})


def tailhub(*words: str, code: int = 0) -> Any:
    """What a command says in JSON; its findings if it ends with another `code` than 0."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        found = command([*words, "--json"])
    assert found == code, (out.getvalue(), error.getvalue())
    return error.getvalue() if code else json.loads(out.getvalue())


def allow(at: RelayProcess, *words: str, code: int = 0) -> Any:
    return tailhub("allow", *words, "--state-dir", str(at.state_dir), code=code)


def names(listed: Any) -> list[str]:
    return [key["name"] for one in listed["lists"] for key in one["keys"]]


@asynccontextmanager
async def client(at: RelayProcess, private: NodePrivate, *, wait: bool = True) -> AsyncIterator[DERPClient]:
    """Logged in there, or only knocking."""
    port, pin = await asyncio.to_thread(lambda: (at.port, at.pin))
    made = await DERPClient.connect("127.0.0.1", port, cert_name=pin, private_key=private, wait_admission=wait)
    async with made:
        yield made


async def met(condition: Any, what: str, *relays: RelayProcess, limit_s: float = 20.0) -> Any:
    """Wait for something outside, which blocks, while the clients go on."""
    return await asyncio.to_thread(until, condition, what, lambda: "\n".join(one.log() for one in relays), limit_s)


async def refusal(at: RelayProcess, private: NodePrivate) -> str:
    """What it is told instead of being let in, once it is refused."""
    while True:
        async with client(at, private, wait=False) as made:
            first: Message | object = None
            while not isinstance(first, Health | ServerInfo):
                first = await made.recv()
        if isinstance(first, Health):
            return first.text
        await asyncio.sleep(0.1)  # until the next try


async def exchange(one: DERPClient, other: DERPClient, packets: int) -> None:
    """`one` sends so many packets to `other`, which gets them all."""
    for _ in range(packets):
        await one.send(other.public_key, PACKET)
    got = 0
    while got < packets:
        got += isinstance(await other.recv(), ReceivedPacket)


def used(server: Postgres, place: str) -> int:
    """Bytes that all relays together have handed on, as the database has it."""
    database = place.rpartition("/")[2]
    ((table,),) = server.execute(database, f"SELECT to_regclass('{tables.usage.name}')")
    if table is None:
        return 0
    ((total,),) = server.execute(database, f"SELECT coalesce(sum(out_bytes), 0) FROM {tables.usage.name}")
    return int(total)


def test_a_friend_of_one_relay_is_the_others_too(postgres: Postgres) -> None:
    """Approved at one relay, it is let in where it waits at another, and cut there when it is taken off."""
    place = postgres.database()
    with relay(place, "--allow-list", "store") as here, relay(place, "--allow-list", "store") as there:

        async def scenario() -> None:
            async with client(there, ALICE, wait=False) as alice, client(here, ALICE, wait=False):
                (row,) = await met(lambda: allow(here, "pending")["pending"], "it is refused here", here)
                await met(lambda: allow(there, "pending")["pending"], "it is refused there", there)
                await asyncio.to_thread(allow, here, "approve", str(row["id"]), "--name", "alice")
                while not isinstance(await alice.recv(), ServerInfo):
                    pass
                assert names(await asyncio.to_thread(allow, there, "list")) == ["alice"]
                await met(lambda: here.metric("tailhub_clients") == 1, "it is in here too", here)
                await asyncio.to_thread(allow, here, "remove", "alice")
                await met(lambda: there.metric("tailhub_clients") == 0, "it is cut off", there)
                assert names(await asyncio.to_thread(allow, there, "list")) == []

        run(scenario, 60)


def test_a_quota_over_two_relays(postgres: Postgres) -> None:
    """What goes through either relay counts for both: over the quota, a key is refused at both."""
    place = postgres.database()
    options = ("--quota-key-gb", f"{QUOTA / GB:f}", "--over-quota", "refuse")
    with relay(place, *options) as here, relay(place, *options) as there:

        async def scenario() -> None:
            for at in (here, there):  # three fifths of it at each
                async with client(at, ALICE) as alice, client(at, BOB) as bob:
                    await exchange(alice, bob, 12)
            await met(lambda: used(postgres, place) == 24 * len(PACKET), "all is counted", here, there)
            for at in (here, there):
                assert "is refused until then" in await refusal(at, BOB)

        run(scenario, 60)


def test_what_goes_from_relay_to_relay_counts_once(postgres: Postgres, tmp_path: Path) -> None:
    """Of two relays of a region the one counts what its client sends, the other one what its client gets."""
    place, key_file = postgres.database(), tmp_path / "mesh.key"
    key_file.touch(0o600)
    key_file.write_text(new_mesh_key_text())
    with relay(place, "--mesh-key-file", str(key_file)) as here:
        peer = f"127.0.0.1:{here.port}?cert={here.pin}"
        with relay(place, "--mesh-key-file", str(key_file), "--mesh-with", peer) as there:

            async def scenario() -> None:
                async with client(here, BOB) as bob, client(there, ALICE) as alice:
                    await met(lambda: there.metric("tailhub_remote_clients") == 1, "bob is known there", there)
                    await exchange(alice, bob, 12)
                    await met(lambda: used(postgres, place) == 12 * len(PACKET), "it is counted here", here)

            run(scenario, 60)
    database = place.rpartition("/")[2]
    counted = postgres.execute(
        database, f"SELECT sum(packets), sum(in_bytes), sum(out_bytes) FROM {tables.usage.name} GROUP BY relay"
    )
    size = 12 * len(PACKET)
    assert sorted(map(tuple, counted)) == [(0, 0, size), (12, size, 0)]


def test_the_database_is_away_for_a_while(postgres: Postgres) -> None:
    """Packets go on and friends log in; when it is back, all of it has been counted, and counted once."""
    place = postgres.database()
    with relay(place, "--allow-list", "store") as here, relay(place, "--allow-list", "store") as there:

        async def scenario() -> None:
            for private, name in ((ALICE, "alice"), (BOB, "bob")):
                await asyncio.to_thread(allow, here, "add", name_of(private), "--name", name)
            async with client(here, ALICE) as alice, client(here, BOB) as bob, client(there, ALICE), client(there, BOB):
                await exchange(alice, bob, 3)
                await met(lambda: used(postgres, place) == 3 * len(PACKET), "that is counted", here)
                await asyncio.to_thread(postgres.stop)
                try:
                    await exchange(alice, bob, 5)
                    await met(lambda: "its 2 keys from before go on" in here.log(), "it is missed", here)
                    async with client(there, ALICE) as again, client(there, BOB) as other:
                        await exchange(again, other, 7)
                    refused = await asyncio.to_thread(lambda: allow(here, "remove", "alice", code=1))
                    assert "TH262" in refused
                finally:
                    await asyncio.to_thread(postgres.start)
                await exchange(alice, bob, 2)
                everything = 17 * len(PACKET)
                await met(lambda: used(postgres, place) >= everything, "all of it is counted", here, there, limit_s=40)
                await asyncio.to_thread(allow, here, "remove", "bob")
                await met(lambda: there.metric("tailhub_clients") == 1, "bob is cut off there", there)

        run(scenario, 120)
    assert used(postgres, place) == 17 * len(PACKET)


def test_commands_without_a_relay(postgres: Postgres, tmp_path: Path) -> None:
    """The shared list can be shown and edited where no relay runs, also before a first start."""
    place = postgres.database()
    file = tmp_path / "tailhub.toml"
    file.write_text(
        f'store = "{place}"\nallow_list = "store"\nstate_dir = "{tmp_path / "state"}"\n[[tenant]]\nname = "family"\n'
    )
    words = ("--config", str(file))
    assert names(tailhub("allow", "list", *words)) == []
    added = tailhub("allow", "add", name_of(ALICE), "--name", "alice", "--tenant", "family", *words)
    assert (added["allowed"]["name"], added["allowed"]["tenant"]) == ("alice", "family")
    tailhub("allow", "add", name_of(BOB), "--name", "alice", "--replace", *words)
    (listed,) = tailhub("allow", "list", *words)["lists"]
    assert [key["key"] for key in listed["keys"]] == [name_of(BOB)]
    assert listed["place"].startswith("postgresql://127.0.0.1:")
    assert "TH310" in tailhub("allow", "add", name_of(BOB), "--tenant", "famly", *words, code=2)
    tailhub("allow", "remove", "alice", *words)
    assert names(tailhub("allow", "list", *words)) == []
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert command(["config", "check", "--lang", "en", *words]) == 0
    assert "TH288" in out.getvalue()


def test_known_friends_come_back_while_the_database_is_away(postgres: Postgres, tmp_path: Path) -> None:
    """A relay that starts while the database with the list is away lets in who was in before, and nobody else."""
    place = postgres.database()
    options = ("--allow-list", "store")
    with relay(place, *options, state_dir=tmp_path / "state") as first:
        allow(first, "add", name_of(ALICE), "--name", "alice")

        async def comes() -> None:
            async with client(first, ALICE):
                await met(lambda: is_kept(tmp_path / "state", ALICE), "it is remembered", first)

        run(comes, limit_s=40.0)
    postgres.stop()
    try:
        with relay(place, *options, state_dir=tmp_path / "state") as second:

            async def comes_back() -> None:
                async with client(second, ALICE):
                    pass
                async with client(second, BOB, wait=False) as stranger:
                    assert isinstance(await stranger.recv(), Health)

            run(comes_back, limit_s=40.0)
    finally:
        postgres.start()
