"""The link between two workers of one relay, without its socket: what is said on it, and what is done with it.

Between workers travel runs of packets, as the receiver's client will get them, and presence. A record is a header of
DERP's form (type, length) and a body; both ends are the same program, so there is no version and no negotiation. What
cannot be understood ends the link all the same.

The link's queue is bounded like that of any connection: a worker that hangs costs a few megabytes, and its packets.
"""

from __future__ import annotations

import struct
from typing import Protocol

from tailhub.derp.frames import HEADER, HEADER_LEN, KEY_LEN, MAX_PACKET_LEN
from tailhub.derp.runs import MAX_RUN_BYTES
from tailhub.exceptions import FrameError
from tailhub.relay.connection import Sink
from tailhub.relay.relay import Relay
from tailhub.relay.send_queue import QueuedBytes, QueueLimits, SendQueue
from tailhub.relay.stats import Stats
from tailhub.relay.tenant import Tenant

LIMITS = QueueLimits(data_bytes=8 << 20, disco_bytes=1 << 20, control_bytes=64 << 20)

_RUN = 1
_PRESENT = 2
_GONE = 3
_CLOSE = 4
# Type, length; read at, packets, flags, number of the source's tenant, destination.
_RUN_HEAD = struct.Struct(">BIdHBH32s")
_RUN_BODY = struct.Struct(">dHBH32s")
_DISCO = 1
_FORWARDED = 2  # another relay has forwarded it to this one
_PRESENT_HEAD = struct.Struct(">BIdH?")  # type, length; since, number of the tenant, whether it is a login
_PRESENT_BODY = struct.Struct(">dH?")
# A frame may be larger than a run should be; it is then alone in it.
MAX_RECORD = _RUN_HEAD.size + MAX_RUN_BYTES + HEADER_LEN + KEY_LEN + MAX_PACKET_LEN


class LinkSink(Sink, Protocol):
    """What moves the bytes of a link."""

    def read_now(self) -> None:
        """Read what has come, if anything has."""


class WorkerLink:
    """One end of a link; `tailhub.relay.elsewhere.Sibling` for the relay of this worker.

    `sink` moves the bytes. `dirty` is True between a wake and the end of the sink's turn.
    """

    __slots__ = ("_relay", "_sink", "dirty", "queue", "stats")

    def __init__(self, relay: Relay, sink: LinkSink) -> None:
        self._relay = relay
        self._sink = sink
        # Counted apart: handing a packet to another worker is not sending it. What is dropped here is lost, though.
        self.stats = Stats()
        self.queue = SendQueue(LIMITS, QueuedBytes(), self.stats)
        self.dirty = False

    # --- Sibling ------------------------------------------------------------------------------------------------------

    def forward(
        self, now: float, dst: bytes, frames: bytes, count: int, disco: bool, tenant: Tenant, hops: int = 0
    ) -> None:
        """Pass on a run."""
        flags = (_DISCO if disco else 0) | (_FORWARDED if hops else 0)
        head = _RUN_HEAD.pack(_RUN, _RUN_BODY.size + len(frames), now, count, flags, tenant.number, dst)
        self.queue.put(now, head + frames, count, disco)
        self._wake()

    def put_present(self, frame: bytes, since: float, tenant: Tenant, *, is_login: bool = False) -> None:
        """Tell of a key that is active here."""
        head = _PRESENT_HEAD.pack(_PRESENT, _PRESENT_BODY.size + len(frame), since, tenant.number, is_login)
        self._put_control(head + frame)

    def put_gone(self, key: bytes) -> None:
        """Tell of a key that has left."""
        self._put_control(HEADER.pack(_GONE, KEY_LEN) + key)

    def catch_up(self) -> None:
        """Take in what has come."""
        self._sink.read_now()

    def put_close(self, key: bytes) -> None:
        """Ask for the end of a key's connections."""
        self._put_control(HEADER.pack(_CLOSE, KEY_LEN) + key)

    def _put_control(self, record: bytes) -> None:
        if self.queue.put_control(record):
            self._wake()
        else:  # without a change of presence the other worker would believe something wrong for ever
            self._sink.close("write: the other worker does not read")

    def _wake(self) -> None:
        if not self.dirty:
            self.dirty = True
            self._sink.wake()

    # --- what the other worker says -----------------------------------------------------------------------------------

    def receive(self, buf: bytearray, end: int, now: float) -> int:
        """Carry out the whole records in ``buf[:end]``; returns where the rest begins. Raises `FrameError`."""
        pos = 0
        view = memoryview(buf)
        relay = self._relay
        while pos + HEADER_LEN <= end:
            kind, length = HEADER.unpack_from(buf, pos)
            body = pos + HEADER_LEN
            nxt = body + length
            if nxt > end:
                if length > MAX_RECORD:
                    raise FrameError(f"a record of {length} bytes from another worker", "worker_link")
                break
            if kind == _RUN and length >= _RUN_BODY.size + HEADER_LEN + KEY_LEN:
                read_at, count, flags, number, dst = _RUN_BODY.unpack_from(buf, body)
                run = view[body + _RUN_BODY.size : nxt].tobytes()
                disco, hops = flags & _DISCO != 0, int(flags & _FORWARDED != 0)
                relay.deliver(dst, run, count, disco, read_at, self._tenant(number), hops)
            elif kind == _PRESENT and length >= _PRESENT_BODY.size + HEADER_LEN + KEY_LEN:
                since, number, is_login = _PRESENT_BODY.unpack_from(buf, body)
                frame = view[body + _PRESENT_BODY.size : nxt].tobytes()
                tenant = self._tenant(number)
                relay.presence.sibling_present(self, frame, since, tenant, now, is_login=is_login)
            elif kind == _GONE and length == KEY_LEN:
                relay.presence.sibling_gone(self, view[body:nxt].tobytes())
            elif kind == _CLOSE and length == KEY_LEN:
                relay.close_peer(view[body:nxt].tobytes())
            else:
                raise FrameError(f"record type {kind} with {length} bytes from another worker", "worker_link")
            pos = nxt
        return pos

    def _tenant(self, number: int) -> Tenant:
        tenant = self._relay.tenants.numbered(number)
        if tenant is None:
            raise FrameError(f"tenant {number} from another worker", "worker_link")
        return tenant
