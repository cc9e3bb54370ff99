"""What an operator may see and do about who may relay, with verifiers and lists that a test fills."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import quote

from support.verifiers import KeptList
from support.waiting import run, until
from tailhub.findings import Finding
from tailhub.keys import short_key
from tailhub.relay.admission import AdmissionPolicy, Answer, TenantPolicy, Verdict
from tailhub.relay.allowed_keys import AllowedKey
from tailhub.relay.refusals import Here
from tailhub.server.access_actions import AccessActions
from tailhub.server.events import Events
from tailhub.server.gatekeeper import Decision
from tailhub.server.verification import Verification
from tailhub.verifiers.allow_list import AllowList
from tailhub.verifiers.verifier import Verifier
from tailhub.web.message import Request, Response
from tailhub.web.operator_api import OperatorApi

A, B, C = (bytes([n]) * 32 for n in (0xA1, 0xB2, 0xC3))
HOME, AWAY = ip_address("192.0.2.7"), ip_address("198.51.100.9")


class Knows:
    """A verifier that admits some keys, by the names of their devices."""

    fails_open = False
    tenant = ""

    def __init__(self, name: str, devices: Mapping[bytes, str]) -> None:
        self.name = name
        self._devices = devices

    async def verify(self, key: bytes, address: IPv4Address | IPv6Address) -> Verdict:
        node = self._devices.get(key, "")
        return Verdict(self.name, Answer.ADMITTED if node else Answer.REFUSED, node)

    async def probe(self, limit_s: float) -> Finding | None:
        return None


class Desk:
    """A relay's desk. `here` are the connected, `held` those that wait."""

    def __init__(self, *verifiers: Verifier, needs_all: bool = False) -> None:
        events = Events(asyncio.get_running_loop())
        others = (TenantPolicy("family"), TenantPolicy("others"))
        policy = AdmissionPolicy(tenants=(TenantPolicy(needs_all=needs_all), *others))
        self.verification = Verification(verifiers, policy, events, 5.0)
        self.here: dict[bytes, str] = {}
        self.held: set[bytes] = set()
        self.changed: list[set[bytes]] = []
        self.verification.on_change = lambda keys: self.changed.append(set(keys or ()))
        self.actions = AccessActions(self.verification, self.who_is_here)
        self._api = OperatorApi(self.actions.routes)

    async def who_is_here(self) -> Here:
        return Here(self.here, self.held)

    async def log_in(self, key: bytes, address: IPv4Address | IPv6Address = HOME) -> bool:
        decisions: list[Decision] = []
        self.verification.ask(key, address, decisions.append)
        await until(lambda: decisions)
        return decisions[0].admits

    async def call(self, method: str, target: str, **fields: object) -> Any:
        """What the API answers; the code of the finding if it refuses."""
        body = json.dumps(fields).encode() if fields else b""
        answer = self._api.respond(Request(method.encode(), b"/api/v1/" + target.encode(), b"1.1", (), "", body))
        response = answer if isinstance(answer, Response) else await answer
        value = json.loads(response.body)
        return value if response.status == 200 else value["error"].get("code", response.status)

    async def pending(self) -> list[dict[str, Any]]:
        rows = (await self.call("GET", "pending"))["pending"]
        assert isinstance(rows, list)
        return rows


def test_a_friend_is_approved() -> None:
    """Who was refused is listed under a number; approving it puts it on the list, and whoever waits is asked about."""

    async def scenario() -> None:
        kept = KeptList()
        desk = Desk(AllowList(kept))
        assert not await desk.log_in(A)
        assert not await desk.log_in(B, AWAY)
        desk.held.add(B)
        first, second = await desk.pending()
        assert (first["short"], first["address"], first["count"], first["is_held"]) == (
            short_key(A),
            str(HOME),
            1,
            False,
        )
        assert (second["key"], second["is_held"]) == (f"nodekey:{B.hex()}", True)
        found = await desk.call("POST", f"pending/{second['id']}/approve", name="bob")
        assert (found["allowed"]["name"], found["replaced"]) == ("bob", [])
        assert found["allowed"]["comment"].startswith("approved ")
        assert desk.changed == [{B}]
        assert kept.entries is not None
        assert kept.entries[B].name == "bob"
        assert [row["id"] for row in await desk.pending()] == [first["id"]]
        assert await desk.log_in(B)
        desk.verification.stop()

    run(scenario)


def test_numbers_that_stand_for_nobody() -> None:
    """A number that was not shown, or is none, approves nobody."""

    async def scenario() -> None:
        kept = KeptList()
        desk = Desk(AllowList(kept))
        await desk.log_in(A)
        for number in ("1", "0", "7", "x", "²", "-1"):
            assert await desk.call("POST", f"pending/{quote(number)}/approve", name="alice") == "TH290"
        assert kept.entries == {}
        desk.verification.stop()

    run(scenario)


def test_a_new_key_takes_an_old_ones_place() -> None:
    """With `replace` the probable old entry goes, and its name, tenant and place on the list are the new key's."""

    async def scenario() -> None:
        kept = KeptList(AllowedKey(A, "alice-phone", "family"), AllowedKey(B, "bob"))
        desk = Desk(AllowList(kept))
        assert await desk.log_in(A)
        assert not await desk.log_in(C)
        (row,) = await desk.pending()
        assert (row["replaces"]["name"], row["replaces"]["reason"]) == ("alice-phone", "address")
        found = await desk.call("POST", f"pending/{row['id']}/approve", replace=True)
        assert [old["key"] for old in found["replaced"]] == [f"nodekey:{A.hex()}"]
        assert kept.entries is not None
        assert [*kept.entries] == [B, C]
        assert (kept.entries[C].name, kept.entries[C].tenant) == ("alice-phone", "family")
        desk.verification.stop()

    run(scenario)


def test_replacing_nobody() -> None:
    """Without a probable old entry or a name there is nobody to replace."""

    async def scenario() -> None:
        desk = Desk(AllowList(KeptList(AllowedKey(B, "bob"))))
        await desk.log_in(A)
        (row,) = await desk.pending()
        assert row["replaces"] is None
        assert await desk.call("POST", f"pending/{row['id']}/approve", replace=True) == "TH290"
        assert await desk.call("POST", f"pending/{row['id']}/approve", name="bob") == "TH292"
        found = await desk.call("POST", f"pending/{row['id']}/approve", name="bob", replace=True)
        assert len(found["replaced"]) == 1
        desk.verification.stop()

    run(scenario)


def test_a_name_that_another_verifier_tells() -> None:
    """Where all must say yes, the device's name is known of one that is not on the list, and is its name there."""

    async def scenario() -> None:
        desk = Desk(Knows("tailscaled", {A: "alice-phone"}), AllowList(KeptList()), needs_all=True)
        await desk.log_in(A)
        (row,) = await desk.pending()
        assert row["node"] == "alice-phone"
        found = await desk.call("POST", f"pending/{row['id']}/approve")
        assert found["allowed"]["name"] == "alice-phone"
        desk.verification.stop()

    run(scenario)


def test_adding_and_removing() -> None:
    """A key is added whole or as logs show it, renamed by adding it again, and removed by key or name."""

    async def scenario() -> None:
        kept = KeptList()
        desk = Desk(AllowList(kept))
        assert await desk.call("POST", "allow", key="nonsense", name="x") == "TH290"
        assert await desk.call("POST", "allow", key=A.hex(), name="two words") == "TH292"
        await desk.call("POST", "allow", key=f"nodekey:{A.hex()}", name="alice", comment="a\nb")
        await desk.log_in(B)
        await desk.call("POST", "allow", key=short_key(B), name="bob")
        assert await desk.call("POST", "allow", key=A.hex(), name="bob") == "TH292"
        await desk.call("POST", "allow", key=A.hex(), name="alice-phone")
        (one,) = (await desk.call("GET", "allow"))["lists"]
        assert one["place"] == "the list"
        assert [(key["name"], key["comment"]) for key in one["keys"]] == [("alice-phone", "a b"), ("bob", "")]
        await desk.call("DELETE", "allow?which=bob")
        assert await desk.call("DELETE", "allow?which=bob") == "TH290"
        await desk.call("DELETE", f"allow?which={quote(short_key(A))}")
        assert kept.entries == {}
        assert desk.changed == [{A}, {B}, {A}, {B}, {A}]
        desk.verification.stop()

    run(scenario)


def test_lists_of_tenants() -> None:
    """A key goes to the list of its tenant, without one of that name to the relay's own, which says whose it is."""

    async def scenario() -> None:
        own, family = KeptList(), KeptList(place="the family's")
        desk = Desk(AllowList(own), AllowList(family, "family"))
        await desk.call("POST", "allow", key=A.hex(), name="alice", tenant="family")
        await desk.call("POST", "allow", key=B.hex(), name="bob", tenant="others")
        assert family.entries is not None
        assert own.entries is not None
        assert [*family.entries] == [A]
        assert own.entries[B].tenant == "others"
        await desk.call("DELETE", "allow?which=alice")
        assert family.entries == {}
        desk.verification.stop()

    run(scenario)


def test_a_tenant_that_is_none() -> None:
    """A key is put on no list for a tenant that is not configured, neither by its key nor by its number."""

    async def scenario() -> None:
        kept = KeptList()
        desk = Desk(AllowList(kept))
        assert not await desk.log_in(A)
        (row,) = await desk.pending()
        assert await desk.call("POST", "allow", key=A.hex(), name="alice", tenant="famly") == "TH310"
        assert await desk.call("POST", f"pending/{row['id']}/approve", name="alice", tenant="famly") == "TH310"
        assert kept.entries == {}
        assert [row["id"] for row in await desk.pending()] == [row["id"]]
        desk.verification.stop()

    run(scenario)


def test_without_a_list() -> None:
    """Who was refused is shown; everything else says what to set."""

    async def scenario() -> None:
        desk = Desk(Knows("tailscaled", {}))
        await desk.log_in(A)
        found = await desk.call("GET", "pending")
        assert (len(found["pending"]), found["has_verifiers"], found["has_list"]) == (1, True, False)
        assert await desk.call("POST", "pending/1/approve", name="alice") == "TH289"
        assert await desk.call("POST", "allow", key=A.hex(), name="alice") == "TH289"
        assert await desk.call("GET", "allow") == "TH289"
        assert await desk.call("DELETE", "allow?which=x") == "TH289"

    run(scenario)


def test_a_list_that_cannot_be_read() -> None:
    """It is shown as it was last, with what is wrong with it."""

    async def scenario() -> None:
        kept = KeptList(AllowedKey(A, "alice"))
        desk = Desk(AllowList(kept))
        await desk.call("GET", "allow")
        kept.entries = None
        (one,) = (await desk.call("GET", "allow"))["lists"]
        assert [key["name"] for key in one["keys"]] == ["alice"]
        assert "it is away" in one["trouble"]
        desk.verification.stop()

    run(scenario)


def test_explaining() -> None:
    """It tells where a key is, who said what of it and when, and on which list it stands."""

    async def scenario() -> None:
        desk = Desk(AllowList(KeptList(AllowedKey(A, "alice"))))
        found = await desk.call("GET", f"explain/{C.hex()}")
        assert (found["state"], found["answers"], found["answered_unix_s"]) == ("absent", [], None)
        await desk.log_in(A)
        await desk.log_in(B, AWAY)
        found = await desk.call("GET", "explain/alice")
        assert (found["state"], found["address"], found["allowed"]["name"]) == ("gone", str(HOME), "alice")
        desk.here[A] = "203.0.113.1"
        found = await desk.call("GET", f"explain/{quote(short_key(A), safe='')}")
        assert (found["state"], found["address"]) == ("connected", "203.0.113.1")
        assert [(one["answer"], one["node"]) for one in found["answers"]] == [("admitted", "alice")]
        found = await desk.call("GET", f"explain/{B.hex()}")
        assert (found["state"], found["count"], found["address"]) == ("refused", 1, str(AWAY))
        desk.held.add(B)
        assert (await desk.call("GET", f"explain/{B.hex()[:8]}"))["state"] == "held"
        assert await desk.call("GET", "explain/nobody") == "TH290"
        desk.verification.stop()

    run(scenario)


def test_asking_again() -> None:
    """With `ask` every verifier is asked now, also about a key that was never here, which makes no entry of it."""

    async def scenario() -> None:
        desk = Desk(Knows("tailscaled", {C: "carl"}), Knows("script", {}))
        found = await desk.call("GET", f"explain/{C.hex()}?ask=1")
        assert [(one["verifier"], one["answer"], one["node"]) for one in found["answers"]] == [
            ("tailscaled", "admitted", "carl"),
            ("script", "refused", ""),
        ]
        assert found["answered_unix_s"]
        assert await desk.pending() == []

    run(scenario)


def test_a_relay_for_everyone() -> None:
    """There is nobody to ask, and nobody was refused."""

    async def scenario() -> None:
        async def who_is_here() -> Here:
            return Here({A: "192.0.2.7"}, ())

        api = OperatorApi(AccessActions(None, who_is_here).routes)

        async def call(target: bytes) -> Any:
            answer = api.respond(Request(b"GET", b"/api/v1/" + target, b"1.1", (), ""))
            assert not isinstance(answer, Response)
            return json.loads((await answer).body)

        assert await call(b"pending") == {"pending": [], "has_verifiers": False, "has_list": False}
        found = await call(b"explain/" + A.hex().encode())
        assert (found["state"], found["has_verifiers"]) == ("connected", False)

    run(scenario)
