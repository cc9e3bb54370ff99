"""A thin line for one client of a relay: `tc` on the loopback of a network namespace of its own (Linux, root)."""

from __future__ import annotations

import subprocess

RATE = "20mbit"
_QUEUE_PACKETS = 83  # of 1500 bytes: 50 ms at this rate, held in the line itself as a home router holds them
THIN = f"the destination's line has {RATE}/s, and the line itself holds up to 50 ms of it"


def make_thin_line(relay_port: int, client_port: int) -> None:
    """What the relay sends to that client takes the thin line from now on. Raises `CalledProcessError`."""
    sends = f"match ip sport {relay_port} 0xffff match ip dport {client_port} 0xffff"
    for command in (
        "ip link set lo mtu 1500 gso_max_segs 1 up",
        "tc qdisc add dev lo root handle 1: htb default 1",
        "tc class add dev lo parent 1: classid 1:1 htb rate 40gbit quantum 60000",
        f"tc class add dev lo parent 1: classid 1:2 htb rate {RATE} burst 3000 quantum 1500",
        f"tc qdisc add dev lo parent 1:2 pfifo limit {_QUEUE_PACKETS}",
        f"tc filter add dev lo parent 1: protocol ip u32 {sends} flowid 1:2",
    ):
        subprocess.run(command.split(), check=True)
