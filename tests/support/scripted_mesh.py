"""A mesh that is not there, for `tests.support.scripted_world`: five other relays, each in another state."""

from __future__ import annotations

from typing import Any

from tailhub.findings.mesh_links import mesh_port_refused
from tailhub.keys import NodePublic
from tailhub.relay.mesh_health import MeshHealth, MeshPeer, nodes_of
from tailhub.server.facts import mesh_facts
from tailhub.server.mesh.link_state import LinkPhase, LinkState

DAY_S = 86400.0
OWN = bytes(range(100, 132))
KEYS = {name: bytes([number]) * 32 for number, name in enumerate(("fra", "sin", "nyc", "lab", "gru"), start=1)}
OWN_KEY = NodePublic.PREFIX + OWN.hex()


class ScriptedMesh:
    """What an observer of a relay with two workers is told of its mesh; `is_whole`: all of it is well."""

    def __init__(self, now: float, *, is_whole: bool = False) -> None:
        self.is_whole = is_whole
        self._began = now - 5 * DAY_S
        self._health = MeshHealth("0.1.0")
        self.troubles: Any = ()
        self.look(now - 600)
        self.look(now)

    def look(self, now: float) -> None:
        """Look at it anew."""
        self.nodes = nodes_of(OWN, [self._links(now), self._links(now)], self._peers())
        self.troubles = self._health.look(self.nodes, now)

    def _links(self, now: float) -> list[LinkState]:
        everybody = [OWN, *KEYS.values()]
        links = [
            self._link("fra.derp.example.com", "fra", everybody, 128, 0.0112, 1.9e6, now),
            self._link("sin.derp.example.com/10.8.0.3", "sin", everybody, 57, 0.1624, 2.6e5, now),
            self._link("nyc.derp.example.com:8443", "nyc", everybody, 214, 0.0841, 7.4e5, now),
            self._link("gru.derp.example.com", "gru", everybody, 16, 0.2031, 3.1e4, now),
        ]
        if self.is_whole:
            return links
        for link in links:
            link.peers.remove(KEYS["lab"])
        links[1].peers = [OWN, KEYS["fra"]]
        links[3].version = "0.0.9"
        away = LinkState("lab.example.net", LinkPhase.WAITING, self._began + 4.9 * DAY_S)
        away.server_key = KEYS["lab"]
        away.finding = mesh_port_refused("lab.example.net", "198.51.100.20:443")
        return [*links, away, LinkState("derp.example.com", LinkPhase.SELF, self._began)]

    def _link(
        self, peer: str, name: str, peers: list[bytes], keys: int, rtt_s: float, per_s: float, now: float
    ) -> LinkState:
        sent = int((now - self._began) * per_s / 2)
        return LinkState(
            peer,
            LinkPhase.UP,
            self._began + 800 * keys,
            server_key=KEYS[name],
            version="" if name == "nyc" else "0.1.0",
            keys=keys,
            peers=[key for key in peers if key != KEYS[name]],
            rtt_s=rtt_s,
            connects=2,
            forwarded_packets=sent // 1180,
            forwarded_bytes=sent,
            dropped_packets=311 if name == "sin" and not self.is_whole else 0,
        )

    def _peers(self) -> list[MeshPeer]:
        apps = {"nyc": "derper 1.102.5", "gru": "tailhub/0.1.0" if self.is_whole else "tailhub/0.0.9"}
        here = [name for name in KEYS if name != "lab" and (self.is_whole or name != "gru")]
        return [
            MeshPeer(KEYS[name], f"192.0.2.{10 + number}", apps.get(name, "tailhub/0.1.0"), True, self._began)
            for number, name in enumerate(here)
        ]

    def facts(self, workers: list[Any], now: float) -> dict[str, Any]:
        """As the relay tells it."""
        self.look(now)
        return {**mesh_facts((), self), "workers": workers}  # type: ignore[arg-type]  it has what a watch shows

    def values(self, now: float) -> dict[str, Any]:
        """Counters by peer."""
        self.look(now)
        names = ("forwarded_packets", "forwarded_bytes", "dropped_packets", "connects")
        return {f"mesh_{name}": {(node.name,): getattr(node, name) for node in self.nodes} for name in names}
