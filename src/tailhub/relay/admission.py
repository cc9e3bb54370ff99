"""Who may log in: decided from what the client said, synchronously."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from tailhub.derp.handshake import ClientInfo
from tailhub.keys import MeshKey


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """What admission looks at. Without a mesh key of our own nobody is a mesh peer."""

    mesh_key: MeshKey | None = None

    def is_mesh_peer(self, info: ClientInfo) -> bool:
        """Whether the client showed the right mesh key. A wrong one, if well-formed, makes a normal client."""
        if self.mesh_key is None or info.mesh_key is None:
            return False
        return hmac.compare_digest(self.mesh_key.raw, info.mesh_key.raw)
