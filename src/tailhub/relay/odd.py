"""What other relays of a region do that none should. It costs nobody anything, is counted for each, and told of.

Counted where it happens: for a link of ours in `MeshLink.odd`, for a relay that has a link to us in `Connection.odd`.
"""

from __future__ import annotations

from typing import Final

MOST_KEYS: Final = 250_000  # clients of one other relay; of more we learn nothing
MOST_PEERS: Final = 1_000  # mesh peers of one other relay
MOST_FORWARDED_SOURCES: Final = 1 << 18  # pairs of source and receiver, known from forwarded packets only
MOST_UNKNOWN_SOURCES: Final = 1 << 15  # such pairs, up to which sources are noted of which no relay has told us

TOO_MANY_KEYS: Final = "too_many_keys"  # it tells of more clients than we take
TOO_MANY_PEERS: Final = "too_many_peers"
UNKNOWN_TENANT: Final = "unknown_tenant"  # it tells of a client of a tenant that there is not here
UNKNOWN_GONE: Final = "unknown_gone"  # a client has left of which it has not told us
OUR_KEY: Final = "our_key"  # it says that it has a client with our own key
UNKNOWN_DEST: Final = "unknown_dest"  # it forwards a packet for nobody here
OUR_CLIENT: Final = "our_client"  # it forwards a packet of a client that is active here
TOO_MANY_SOURCES: Final = "too_many_sources"  # packets of more sources than can be remembered
