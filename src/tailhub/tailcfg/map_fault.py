"""What can be wrong in a DERP map, as words, and where. What finds it: `tailhub.tailcfg.lint`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["MapFault", "MapTrouble"]


class MapTrouble(Enum):
    """What is wrong, as a word by which it can be told in any language."""

    NO_MAP = "no_map"  # nothing in the document is one
    WRONG_TYPE = "wrong_type"  # text where a number belongs, and the like: clients refuse the whole map
    UNKNOWN_FIELD = "unknown_field"  # clients pass it over
    REGION_KEY = "region_key"  # the name of a region is no number
    REGION_ID_MISSING = "region_id_missing"
    REGION_ID_DIFFERS = "region_id_differs"  # from the name that it has in Regions
    REGION_ID_OUTSIDE = "region_id_outside"  # of what is the users'
    REGION_ID_OFFICIAL = "region_id_official"  # it replaces one of Tailscale's
    NODE_REGION_ID_MISSING = "node_region_id_missing"
    NODE_REGION_ID_DIFFERS = "node_region_id_differs"
    NO_NODES = "no_nodes"
    NODE_NAME_EMPTY = "node_name_empty"
    NODE_NAME_TWICE = "node_name_twice"
    HOST_NAME_EMPTY = "host_name_empty"
    HOST_NAME_SCHEME = "host_name_scheme"  # https:// before it
    HOST_NAME_PORT = "host_name_port"  # :8443 behind it
    IP_WITHOUT_PIN = "ip_without_pin"  # clients then take a CA's certificate for any name
    BAD_ADDRESS = "bad_address"  # IPv4 or IPv6 is none
    BAD_PORT = "bad_port"
    STUN_OFF = "stun_off"  # it is never measured, so hardly ever chosen
    STUN_ONLY_ALONE = "stun_only_alone"  # there is nobody to relay
    INSECURE = "insecure"
    PIN_MALFORMED = "pin_malformed"
    PIN_AND_INSECURE = "pin_and_insecure"
    CERT_NAME_IS_NAME = "cert_name_is_name"  # where a pin may be meant
    PIN_NEEDS_1_84 = "pin_needs_1_84"  # older clients cannot connect
    NAME_TWICE = "name_twice"  # the last one counts
    SCORE_IGNORED = "score_ignored"  # zero or less
    SCORE_DROPPED = "score_dropped"  # Headscale passes none on
    AVOID_MOVES_NOBODY = "avoid_moves_nobody"  # whose home it is already
    NO_FALLBACK = "no_fallback"  # one region, and the default ones are left out
    ALL_AVOIDED = "all_avoided"  # no region is meant as a home; found: what clients see of it


_DOUBTS: Final = frozenset(
    {
        MapTrouble.UNKNOWN_FIELD,
        MapTrouble.REGION_ID_OUTSIDE,
        MapTrouble.REGION_ID_OFFICIAL,
        MapTrouble.IP_WITHOUT_PIN,
        MapTrouble.STUN_OFF,
        MapTrouble.INSECURE,
        MapTrouble.PIN_AND_INSECURE,
        MapTrouble.CERT_NAME_IS_NAME,
        MapTrouble.NO_FALLBACK,
        MapTrouble.ALL_AVOIDED,
        MapTrouble.NAME_TWICE,
        MapTrouble.SCORE_IGNORED,
        MapTrouble.SCORE_DROPPED,
    }
)
_HINTS: Final = frozenset({MapTrouble.PIN_NEEDS_1_84, MapTrouble.AVOID_MOVES_NOBODY})


@dataclass(frozen=True, slots=True)
class MapFault:
    """One thing that is wrong, at an offset of the document's text.

    `region` and `node` say whose it is, as written, empty for the map's. `field` is a name, `found` its value.
    """

    trouble: MapTrouble
    offset: int
    region: str = ""
    node: str = ""
    field: str = ""
    found: str = ""
    expected: str = ""

    @property
    def severity(self) -> str:
        """``error``: it does not work; ``warning``: it may, but; ``hint``: good to know."""
        return "hint" if self.trouble in _HINTS else "warning" if self.trouble in _DOUBTS else "error"
