"""Words of a DERP map that mean something by themselves. Nothing else, so that a command line may know them at once."""

from __future__ import annotations

from typing import Final

__all__ = ["NO_ADDRESS", "OMIT", "PIN_PREFIX", "SCORE"]

PIN_PREFIX: Final = "sha256-raw:"
"""Of a CertName that pins a certificate; 64 lower-case hex digits follow."""
NO_ADDRESS: Final = "none"
"""As IPv4 or IPv6: this family is not used, and DNS is not asked."""
OMIT: Final = "omitDefaultRegions"
SCORE: Final = "RegionScore"
"""A region's factor in `HomeParams`; also as the field of a `tailhub.tailcfg.map_diff.Change`."""
