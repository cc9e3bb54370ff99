"""A DERP connection until it is logged in: the handshake, the question whether it may relay, and what follows on a no.

Not here: the packets of who is in (`tailhub.server.derp_connection`).
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from tailhub.derp import frames
from tailhub.derp.handshake import ClientInfo, ServerHandshake
from tailhub.exceptions import RemoteError
from tailhub.log_event import FieldValue
from tailhub.relay.accounts import OVER_QUOTA
from tailhub.relay.connection import Identity
from tailhub.relay.health import mesh_key_text
from tailhub.server.context import ServerContext
from tailhub.server.newcomers import LOGIN_S, Newcomer
from tailhub.server.not_now import NotNow, not_now

if TYPE_CHECKING:
    from tailhub.server.derp_connection import DerpConnection
    from tailhub.server.gatekeeper import Decision, Waiting

UNIX_PEER = IPv4Address("127.0.0.1")  # who comes by a unix socket and speaks for nobody else is on this machine
KEEP_ALIVE_S = 60.0
KEEP_ALIVE_JITTER_S = 5.0  # drawn once a connection
MAX_EARLY_BYTES = 4096  # kept of what a client sends before it is admitted; with more it is not read until then


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who asks to be let in, and what is needed to do that. Its `newcomer` has left those."""

    handshake: ServerHandshake
    info: ClientInfo
    newcomer: Newcomer
    not_ideal: bool

    @property
    def key(self) -> bytes:
        """Its node key, 32 bytes."""
        return self.handshake.client_key

    @property
    def address(self) -> IPv4Address | IPv6Address:
        """Where it comes from."""
        return self.newcomer.address or UNIX_PEER


def let_in(
    connection: DerpConnection,
    context: ServerContext,
    applicant: Applicant,
    decision: Decision | None = None,
    *,
    skip: int = 0,
    held_s: float = 0.0,
    guest_of: str | None = None,
) -> None:
    """Log a client in, after a `decision` if one was needed; else it is a mesh peer or our own probe, or everyone may.

    `guest_of`: it is not admitted, but let in as a guest of this tenant. `skip` as `DerpConnection.let_in` has it;
    `held_s`: how long it was held before.
    """
    newcomer, info = applicant.newcomer, applicant.info
    if context.fronts[newcomer.listener].trusts(newcomer.address):
        context.events.proxy_told_nothing(newcomer.ip)
    mesh_key = context.policy.mesh_key_of(info)
    identity = Identity(
        key=applicant.key,
        connection_id=context.relay.next_connection_id(),
        address=applicant.address,
        port=newcomer.port,
        is_mesh=mesh_key is not None,
        is_prober=info.is_prober,
        is_not_ideal=applicant.not_ideal,
        app_name=info.app_name,
        connected_at=context.loop.time(),
        tenant=decision.tenant if decision is not None else guest_of or "",
        node=decision.node if decision is not None else "",
        owner=decision.owner if decision is not None else "",
        is_guest=guest_of is not None,
        is_own_probe=context.policy.is_own_probe(applicant.key, info),
        mesh_mark=mesh_key.mark if mesh_key is not None else b"",
        has_unknown_mesh_key=info.mesh_key is not None and mesh_key is None,
    )
    connection.let_in(identity, applicant.handshake, skip)
    context.events.logged_in(identity, held_s)
    steersman = context.steersman
    if steersman is not None and steersman.steers_refused and identity.is_served:
        steersman.came(identity.key, identity.address)
    if context.door is not None and identity.is_asked_about:
        context.door.look_after(identity.key)


class Login:
    """The first stage, and usually the only one.

    Where there are verifiers, it waits for their decision behind ClientInfo and before everything else: what comes
    meanwhile is kept, and read no further than `MAX_EARLY_BYTES`.
    """

    __slots__ = ("_connection", "_context", "_handshake", "_info", "_newcomer", "_not_ideal", "_waiting")

    def __init__(self, connection: DerpConnection, context: ServerContext, newcomer: Newcomer, not_ideal: bool) -> None:
        self._connection = connection
        self._context = context
        self._newcomer: Newcomer | None = newcomer
        self._not_ideal = not_ideal
        self._handshake = ServerHandshake(context.private_key)
        self._info = ClientInfo()
        self._waiting: Waiting | None = None  # for verifiers

    def start(self) -> None:
        """The client has so long to say who it is."""
        if self._newcomer is not None:
            self._newcomer.set_deadline(LOGIN_S, "no ClientInfo within 10 s")

    @property
    def is_full(self) -> bool:
        """Does it wait for verifiers, and has it sent as much as is kept meanwhile?"""
        return self._waiting is not None and len(self._handshake.trailing) > MAX_EARLY_BYTES

    def receive(self, data: bytes) -> None:
        """Take a part of the handshake, or what comes early."""
        if self._waiting is not None:
            self._handshake.trailing += data
            self._stop_when_full()
            return
        try:
            info = self._handshake.receive_data(data)
        except RemoteError as exc:
            self._connection.abort(f"login ({exc.reason}): {exc}")
            return
        if info is None:
            return
        self._info = info
        self._debug_info(info)
        self._note_mesh_key(info)
        if self._context.door is None or not self._is_asked_about:
            self._admit()
        else:
            self._ask()

    def closed(self, reason: str) -> None:
        """Nobody need be asked any more."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
        newcomer, self._newcomer = self._newcomer, None
        if newcomer is not None:
            self._context.failed(newcomer, reason)

    def _debug_info(self, info: ClientInfo) -> None:
        newcomer, debug = self._newcomer, self._context.debug
        if newcomer is None or not debug.is_on:
            return
        is_mesh = self._context.policy.is_mesh_peer(info)
        facts: dict[str, FieldValue] = {"version": info.version, "app": info.app_name, "mesh": is_mesh}
        facts |= {"can_ack_pings": info.can_ack_pings, "prober": info.is_prober}
        tls, name = newcomer.stream.tls_version or "", newcomer.server_name
        claims = (("with the mesh key", is_mesh), ("can ack pings", info.can_ack_pings), ("prober", info.is_prober))
        words = (
            f"version {info.version}",
            f"app {info.app_name or 'none'}",
            *(word for word, is_so in claims if is_so),
        )
        text = f"ClientInfo: {', '.join(words)}; {tls or 'no TLS'}, name {name or 'none'}"
        key = self._handshake.client_key
        debug.newcomer(newcomer, "client_info", text, key, **facts, tls=tls, server_name=name)

    def _note_mesh_key(self, info: ClientInfo) -> None:
        """Say it of one that shows a mesh key which is none of ours, whatever becomes of it as a client."""
        newcomer, policy = self._newcomer, self._context.policy
        if newcomer is not None and info.mesh_key is not None and not policy.is_mesh_peer(info):
            key, address = self._handshake.client_key, newcomer.address or UNIX_PEER
            self._context.events.mesh_key_unknown(key, address, newcomer.port, has_key=bool(policy.mesh_keys))

    @property
    def _is_asked_about(self) -> bool:
        """Is it neither a mesh peer nor the relay's own probe?"""
        policy = self._context.policy
        is_ours = policy.is_own_probe(self._handshake.client_key, self._info)
        return not (is_ours or policy.is_mesh_peer(self._info))

    # --- may it? ------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        newcomer, door = self._newcomer, self._context.door
        if newcomer is None or door is None:
            return
        newcomer.set_deadline(door.gatekeeper.longest_s, "no verdict on its key")
        address = newcomer.address or UNIX_PEER
        self._waiting = door.gatekeeper.ask(self._handshake.client_key, address, self._decided)
        self._stop_when_full()

    def _stop_when_full(self) -> None:
        if self.is_full:
            self._connection.stream.pause_reading()

    def _decided(self, decision: Decision) -> None:
        was_full = self.is_full
        self._waiting = None
        if self._newcomer is not None and self._context.debug.is_on:
            answer = "may relay" if decision.admits else "may not relay"
            text = f"{answer}; {decision}{', from memory' if decision.from_memory else ''}"
            key, detail = self._handshake.client_key, str(decision)
            self._context.debug.newcomer(self._newcomer, "verdict", text, key, admits=decision.admits, detail=detail)
        if decision.admits:
            self._admit(decision)
        else:
            self._refuse(decision)
        if was_full:
            self._connection.go_on()

    def _refuse(self, decision: Decision) -> None:
        """Hold the connection without letting it in, or end it without a further frame, as the original does."""
        applicant, door = self._applicant(), self._context.door
        if applicant is None or door is None:
            return
        # A relay that dials with a wrong mesh key is no client that one would hold: it is to try again.
        is_held = self._info.mesh_key is None and door.hold(self._connection, applicant, decision)
        newcomer = applicant.newcomer
        self._context.events.refused(applicant.key, applicant.address, newcomer.port, decision, is_held=is_held)
        if not is_held:
            self._turn_away("not admitted")

    def _admit(self, decision: Decision | None = None) -> None:
        applicant = self._applicant()
        if applicant is None:
            return
        tenant = decision.tenant if decision is not None else ""
        if self._is_asked_about:
            refusal = not_now(self._context, tenant, applicant.key)
            if refusal is not None:
                self._put_off(applicant, decision, refusal)
                return
        steersman = self._context.steersman
        if steersman is not None and steersman.steers_all and self._is_asked_about:
            from tailhub.server.moving_login import MovingLogin

            MovingLogin(self._connection, self._context, applicant, decision).start(steersman)
            return
        let_in(self._connection, self._context, applicant, decision)
        if self._handshake.trailing:
            self._connection.receive_bytes(self._handshake.trailing)

    def _put_off(self, applicant: Applicant, decision: Decision | None, refusal: NotNow) -> None:
        """It may relay, but not now: hold it until it may, if there is something to tell it and room."""
        door, key = self._context.door, applicant.key
        is_held = False
        if door is not None and decision is not None and refusal.text:
            steers = refusal.reason == OVER_QUOTA  # too many connections are soon fewer
            is_held = door.hold(self._connection, applicant, decision, refusal.text, steers=steers)
        if self._context.debug.is_on:
            held = ", and is held" if is_held else ""
            text = f"may not come in now: {refusal.reason}{held}"
            self._context.debug.newcomer(applicant.newcomer, "put_off", text, key, reason=refusal.reason)
        self._context.events.put_off(key, applicant.address, applicant.newcomer.port, refusal.reason, is_held=is_held)
        if not is_held:
            self._turn_away(refusal.reason)

    def _turn_away(self, reason: str) -> None:
        """End the connection; who shows a mesh key, and is here because it is none of ours, is told that before."""
        if self._info.mesh_key is None:
            self._connection.abort(reason)
            return
        self._connection.write(frames.health(mesh_key_text(has_key=bool(self._context.policy.mesh_keys))))
        self._connection.stream.close(reason, linger=True)

    def _applicant(self) -> Applicant | None:
        """Whom it is about, once; no longer a newcomer."""
        newcomer, self._newcomer = self._newcomer, None
        if newcomer is None:
            return None
        newcomer.leave()
        return Applicant(self._handshake, self._info, newcomer, self._not_ideal)
