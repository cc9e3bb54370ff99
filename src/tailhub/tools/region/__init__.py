"""A region of several relays, seen from outside: do they know each other, does a packet find its way between them?

::

    seen     what is seen of a region: plain values
    look     I/O: logs in to every node, with the mesh key or without
    judge    pure: what it means
    examine  both, beside the checks of single nodes

    description, plan  from one file to what each node needs: pure; plan_directory writes it
    restart            one node after the other, as long as the region is whole
"""

from __future__ import annotations

from tailhub.tools.region.examine import ExaminedRegion, examine_region, regions_of_several, with_regions
from tailhub.tools.region.look import look_at_region
from tailhub.tools.region.seen import NodeSeen, RegionSeen

__all__ = [
    "ExaminedRegion",
    "NodeSeen",
    "RegionSeen",
    "examine_region",
    "look_at_region",
    "regions_of_several",
    "with_regions",
]
