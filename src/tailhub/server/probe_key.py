"""The key by which a relay knows the probe of its own machine, and admits it without asking anybody.

The relay makes it at its first start and keeps it in its state directory, for its owner alone; `tailhub probe` reads it
there. Why that is safe:

- A login proves the key (ClientInfo opens only if it was sealed with it), so nobody else can use it, though its public
  half is no secret.
- Who can read the file can read the relay's own key beside it, so it gives nobody more than he has.
- It is of no use for relaying: its connections are of a tenant of their own (`Tenants.own_probe`) that reaches nobody
  but itself, is not shown to mesh peers, and takes no place that others could have.

`own_probe` in the settings switches it off. A probe needs several keys, one for each end of what it measures, and
others if two of them run at the same time: all are derived from the one in the file (`box.derive`), by these labels.
"""

from __future__ import annotations

from typing import Final

from tailhub import box
from tailhub.keys import NodePrivate

__all__ = ["PROBE_KEY", "RECEIVERS", "SLOTS", "admitted_keys", "receiver_key", "sender_key"]

PROBE_KEY: Final = "probe.key"
SLOTS: Final = 4  # probes that run at the same time with one file
RECEIVERS: Final = 8  # nodes of one region that are told apart


def sender_key(base: NodePrivate, slot: int = 0) -> NodePrivate:
    """The end that sends."""
    return box.derive(base, f"tailhub probe {slot} sender")


def receiver_key(base: NodePrivate, slot: int = 0, node: int = 0) -> NodePrivate:
    """The end that receives at the `node`-th node of a region."""
    return box.derive(base, f"tailhub probe {slot} receiver {node}")


def admitted_keys(base: NodePrivate) -> frozenset[bytes]:
    """The public keys that belong to the file, raw."""
    ends = [sender_key(base, slot) for slot in range(SLOTS)]
    ends += [receiver_key(base, slot, node) for slot in range(SLOTS) for node in range(RECEIVERS)]
    return frozenset(box.public_key(key).raw for key in (base, *ends))
