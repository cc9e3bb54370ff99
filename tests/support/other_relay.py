"""Another relay of the region, by hand: what it tells the relay of a `support.world.World`, and is forwarded."""

from __future__ import annotations

from typing import NamedTuple

from support.world import World, key_of
from tailhub.derp import frames
from tailhub.derp.codec import FrameDecoder
from tailhub.derp.frames import SERVER_LIMITS, FrameType, PeerGoneReason, PeerPresent
from tailhub.derp.runs import SLACK
from tailhub.relay.mesh_link import MeshLink


class Forwarded(NamedTuple):
    """ForwardPacket. Source and destination as the names of keys."""

    src: str
    dst: str
    body: bytes


class OtherRelay:
    """`name` is that of its key. `link` is the world's to it."""

    def __init__(self, world: World, name: str = "other", *, is_tailhub: bool = True, is_new: bool = True) -> None:
        """`is_new`: all that it had to tell at first has been told."""
        self.world = world
        self.closed = ""
        self.link = MeshLink(world.relay, self, key_of(name), is_tailhub=is_tailhub)
        self._is_tailhub = is_tailhub
        self._decoder = FrameDecoder(SERVER_LIMITS)
        if is_new:
            self.link.flood_over()

    def wake(self) -> None:
        """The test reads when it likes."""

    def close(self, reason: str) -> None:
        self.closed = reason

    def has(self, key: str, age_s: float = 0.0, *, tenant: str = "", guest: bool = False, flags: int = 1) -> None:
        """It has a client with this key."""
        frame = PeerPresent(self.world.key(key), flags=flags).serialize()
        if self._is_tailhub or tenant:
            frame = frames.extend_present(frame, age_s, bytes((guest,)) + tenant.encode())
        self._say(frame)

    def lost(self, key: str, reason: PeerGoneReason = PeerGoneReason.DISCONNECTED) -> None:
        """It has none any more."""
        self._say(frames.peer_gone(self.world.key(key), reason))
        self.world.work()

    def answers(self) -> None:
        """It has had a Ping."""
        self._say(frames.pong(bytes(8)))

    def breaks(self) -> None:
        """The link to it breaks. What takes turns is not done yet: that is `World.work`."""
        self.link.broken()

    def _say(self, frame: bytes) -> None:
        buffer = bytearray(frame) + bytes(SLACK)
        self.link.data_received(buffer, len(frame), self.world.now)

    def forwarded(self) -> list[Forwarded]:
        """What it was forwarded since the last time."""
        self.link.dirty = False
        got = self._decoder.receive_data(self.link.queue.take(self.world.now, 1 << 30))
        return [
            Forwarded(self.world.name_of(body[:32]), self.world.name_of(body[32:64]), body[64:])
            for frame_type, body in got
            if frame_type == FrameType.FORWARD_PACKET
        ]

    def asked(self) -> list[int]:
        """The types of the frames that it was sent since the last time."""
        return [kind for kind, _ in self._decoder.receive_data(self.link.queue.take(self.world.now, 1 << 30))]
