"""The Tailscale client of the relay's own machine: is this relay its home, and does it get there?

Asked by its LocalAPI, as `tailhub.verifiers.tailscaled` does. Source: ``ipn/localapi`` of tailscale.com 1.103.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tailhub.exceptions import LocalError, RemoteError
from tailhub.findings import Finding
from tailhub.findings import askers as askers_findings
from tailhub.findings.remark import Remark
from tailhub.net.http_exchange import Answer, exchange
from tailhub.tailcfg.derpmap import DERPMap, DERPNode, parse_json
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.report import Judgement

__all__ = ["ClientSeen", "age_of_tailscaled", "check", "judge"]

_STEP = "own_client"
_LIMIT_S = 2.0
_MOST_BYTES = 4 << 20
_HEADERS = (("Host", "local-tailscaled.sock"), ("Sec-Tailscale", "localapi"))
_RUNNING = "Running"
_NOT_JSON = (msgspec.MsgspecError, ValueError, RecursionError)


class _Self(msgspec.Struct):
    key: str = msgspec.field(name="PublicKey", default="")
    relay: str = msgspec.field(name="Relay", default="")


class _Status(msgspec.Struct):
    """What we read of ``ipnstate.Status``."""

    version: str = msgspec.field(name="Version", default="")
    state: str = msgspec.field(name="BackendState", default="")
    own: _Self | None = msgspec.field(name="Self", default=None)
    health: list[str] | None = msgspec.field(name="Health", default=None)


_status = msgspec.json.Decoder(_Status)


@dataclass(frozen=True, slots=True)
class ClientSeen:
    """What it says. `state` is "" where none answers. `home` is the code of its home region, `theirs` its map.

    `ours` is the map that the relay gives to clients, None without a relay that says so.
    """

    state: str = ""
    home: str = ""
    health: Sequence[str] = ()
    theirs: DERPMap | None = None
    ours: DERPMap | None = None


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(await look(context))


async def look(context: LocalContext) -> ClientSeen:
    """Ask the tailscaled of this machine: that which is asked about clients, else the one at the usual place."""
    from tailhub.verifiers.tailscaled import default_socket

    named = [path for tenant in context.config.tenants for path in tenant.verify_socket]
    path = named[0] if named else default_socket()
    try:
        async with asyncio.timeout(_LIMIT_S):
            status = _parse(await _get(path, "status?peers=false"))
            theirs = _map((await _get(path, "derpmap")).body)
    except (OSError, RemoteError):
        return ClientSeen()
    ours = _map(context.relay.derp_map) if context.relay is not None else None
    home = status.own.relay if status.own is not None else ""
    return ClientSeen(status.state, home, tuple(status.health or ()), theirs, ours)


async def age_of_tailscaled(path: Path) -> tuple[Finding, ...]:
    """That the tailscaled at `path` is too old to say who has a key; nothing if it is not, or does not say."""
    try:
        async with asyncio.timeout(_LIMIT_S):
            status = _parse(await _get(path, "status?peers=false"))
            if status.state != _RUNNING or status.own is None or not status.own.key:
                return ()
            answer = await _get(path, f"whois?addr={status.own.key}")
    except (OSError, RemoteError):
        return ()
    if answer.status in (200, 404):
        return ()
    said = answer.body[:100].decode("utf-8", "replace").strip() or f"HTTP {answer.status}"
    return (askers_findings.tailscaled_too_old(str(path), status.version[:40] or "?", said),)


async def _get(path: Path, what: str) -> Answer:
    """Raises `OSError`, `RemoteError`."""
    if not hasattr(asyncio, "open_unix_connection"):
        raise OSError("no unix sockets here")
    reader, writer = await asyncio.open_unix_connection(str(path))
    return await exchange(reader, writer, "GET", f"/localapi/v0/{what}", _HEADERS, most_bytes=_MOST_BYTES)


def _parse(answer: Answer) -> _Status:
    try:
        return _status.decode(answer.body)
    except _NOT_JSON as exc:
        raise RemoteError("status: no JSON", "status") from exc


def _map(text: bytes) -> DERPMap | None:
    try:
        return parse_json(text) if text else None
    except LocalError:
        return None


# --- what it means ----------------------------------------------------------------------------------------------------


def judge(seen: ClientSeen) -> Judgement:
    """What it means."""
    judgement = Judgement()
    if not seen.state:
        judgement.ok(_STEP, Remark("no_client_here"))
        return judgement
    if seen.state != _RUNNING:
        judgement.untested(_STEP, Remark("client_not_running", {"state": seen.state}))
        return judgement
    if seen.ours is None or seen.theirs is None:
        judgement.untested(_STEP, Remark("no_relay_runs"))
        return judgement
    home = next((one for one in seen.theirs.regions.values() if one is not None and one.region_code == seen.home), None)
    if home is None or not _is_ours(home.nodes, seen.ours):
        judgement.ok(_STEP, Remark("client_home_elsewhere", {"name": seen.home or "–"}))
        return judgement
    name = home.region_name or home.region_code
    said = next((text for text in seen.health if "relay server" in text), "")
    others = [number for number in seen.theirs.regions if number != home.region_id]
    scores = seen.theirs.home_params.region_score if seen.theirs.home_params is not None else {}
    if said:
        judgement.found(_STEP, askers_findings.own_client_cut_off(str(home.region_id), name, said.rstrip(".")))
    elif others and scores.get(home.region_id, 1.0) <= 1.0:
        judgement.found(_STEP, askers_findings.own_client_at_home(str(home.region_id), name))
    else:
        judgement.ok(_STEP, Remark("client_at_home"))
    return judgement


def _is_ours(nodes: Sequence[DERPNode], ours: DERPMap) -> bool:
    """Is one of a region's nodes this relay? By its pin, or by where it is."""
    own = [node for region in ours.regions.values() if region is not None for node in region.nodes]
    return any(_is_same(node, one) for node in nodes for one in own)


def _is_same(one: DERPNode, other: DERPNode) -> bool:
    if one.cert_name.startswith("sha256-raw:") and one.cert_name == other.cert_name:
        return True
    is_there = one.host_name == other.host_name or bool(one.ipv4 and one.ipv4 == other.ipv4)
    return is_there and (one.derp_port or 443) == (other.derp_port or 443)
