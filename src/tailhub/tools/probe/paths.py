"""Which ways through relays are measured. Pure.

A device sends to another one through the relay that is the *receiver's* home, never through its own. So what is
measured on a way is one relay, from this machine to it and back, and both ends being here, by one clock.

Between regions that makes a table: of a device here whose home is `i` and one here whose home is `j`, the first asks
through `j`, the second answers through `i`. What this machine cannot know is how far other devices are from the relays;
the table says which pairs of homes are well chosen for those that are where it is.

Nodes of one region are one relay to clients: two devices may be at different nodes, which pass packets to each other
(mesh). With a region's name these ways are measured too: in at one node, out at another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tailhub.exceptions import MachineError
from tailhub.findings import probing
from tailhub.server.probe_key import RECEIVERS
from tailhub.tailcfg.derpmap import DERPNode
from tailhub.tools.target import Target

__all__ = ["MOST_PATHS", "Path", "paths_to"]

MOST_PATHS = 32


@dataclass(frozen=True, slots=True)
class Path:
    """One way: in at the node of `sender`, out at that of `receiver`.

    `node_number` is the receiver's among its region's; `name` is what people call it, without blanks.
    """

    name: str
    sender: DERPNode
    receiver: DERPNode
    node_number: int = 0

    @property
    def is_through_one(self) -> bool:
        """Is it one relay? Only such a way has a column in the table between regions."""
        return self.sender == self.receiver


def paths_to(targets: Sequence[Target], *, within_region: bool = False) -> list[Path]:
    """The ways through these relays: one for each region, or, `within_region`, one for each two nodes and each node.

    Of a region's nodes the first that is not for STUN only is taken. Raises `MachineError` for none, or too many.
    """
    usable = [target for target in targets if not target.node.stun_only]
    if within_region:
        nodes = [_dialled(target) for target in usable[:RECEIVERS]]
        found = [
            Path(one.name if one == other else f"{one.name}>{other.name}", one, other, number)
            for one in nodes
            for number, other in enumerate(nodes)
        ]
    else:
        regions: dict[int, Path] = {}
        for target in usable:
            region, node = target.region, _dialled(target)
            number = region.region_id if region is not None else -len(regions) - 1
            name = (region.region_code or node.name if region is not None else "") or str(target)
            regions.setdefault(number, Path(name.replace(" ", "_"), node, node))
        found = list(regions.values())
    if not found:
        raise MachineError(probing.nothing_to_measure(targets[0].origin if targets else "", ""))
    if len(found) > MOST_PATHS:
        raise MachineError(probing.too_much_to_measure(len(found), MOST_PATHS))
    return found


def _dialled(target: Target) -> DERPNode:
    """Of a relay that somebody named no pin is known: nothing secret is sent, so it is measured without."""
    node = target.node
    return node if target.is_from_map or node.cert_name else replace(node, insecure_for_tests=True)
