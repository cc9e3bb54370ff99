"""Findings about the machine that a relay runs on, as a check there sees it. Paths and addresses are text."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.findings.finding import Finding


def unknown_relay_flag(flag: str, near: str = "", *, lacking: bool = False) -> Finding:
    """What starts the relay has a `flag` that there is not (`near`: the one most like it), or one without its value."""
    return Finding("TH415", {"flag": flag, "near": near, "lacking": lacking})


def stun_requests_lost(port: int, lost: int, size: int, limit: int | None) -> Finding:
    """The receive buffer of the STUN socket, of `size` bytes, is small or was full; `limit` is net.core.rmem_max."""
    return Finding("TH416", {"port": port, "lost": lost or None, "size": size or None, "limit": limit})


def connection_table_full(count: int, most: int, percent: int, better: int) -> Finding:
    """The kernel's table of tracked connections has `count` of at most `most` entries."""
    return Finding("TH417", {"count": count, "most": most, "percent": percent, "better": better})


def disk_full(path: str, what: str) -> Finding:
    """Nothing more can be written where the state is; `what` is "bytes" or "inodes"."""
    return Finding("TH418", {"path": path, "inodes": what == "inodes"})


def disk_nearly_full(path: str, free: str, what: str) -> Finding:
    """Little is `free` where the state is; `what` is "bytes" or "inodes"."""
    return Finding("TH419", {"path": path, "free": free, "inodes": what == "inodes"})


def state_read_only(path: str, mount: str = "", unit: str = "") -> Finding:
    """The state directory is on a file system that is read-only (mounted at `mount`), or is so for this `unit`."""
    return Finding("TH420", {"path": path, "mount": mount, "unit": unit})


def firewall_drops(firewall: str, ports: Sequence[str], commands: Sequence[str]) -> Finding:
    """A firewall of this machine drops what comes to `ports` (``TCP 8443``); `commands` open them."""
    return Finding("TH421", {"firewall": firewall, "ports": ", ".join(ports), "commands": "; ".join(commands)})


def container_without_ipv6(interface: str) -> Finding:
    """The container has no IPv6 address but loopback: nobody can use the relay over IPv6."""
    return Finding("TH422", {"interface": interface})


def mapped_port_differs(address: str, port: int, listening: int) -> Finding:
    """The map says `port`, which nobody has at `address`; the relay listens on `listening` in its container."""
    return Finding("TH423", {"address": address, "port": port, "listening": listening})


def tailscaled_drops_cloud(rule: str, servers: Sequence[str]) -> Finding:
    """`rule` of tailscaled's firewall drops answers of `servers` that the cloud has in 100.64.0.0/10."""
    return Finding("TH424", {"rule": rule, "servers": ", ".join(servers), "first": servers[0]})


def next_start_elsewhere(running: str, path: str, unit: str) -> Finding:
    """A relay runs with its state in `running`; the service `unit` would use `path`."""
    return Finding("TH425", {"running": running, "path": path, "unit": unit})


def clients_refuse_certificate(count: int, made: str = "") -> Finding:
    """So many connections were ended by clients that do not accept the certificate; `made`: the day it is from."""
    return Finding("TH426", {"count": count, "made": made})


def service_not_running(unit: str, state: str, reason: str = "") -> Finding:
    """The service is there and does not run; `reason` is the last that it said."""
    return Finding("TH427", {"unit": unit, "state": state, "reason": reason})


def hidden_from_service(path: str, unit: str) -> Finding:
    """The service cannot see `path`, because its unit hides home directories."""
    return Finding("TH428", {"path": path, "unit": unit})


def descriptors_run_out(limit: int, used: int, clients: int) -> Finding:
    """The relay may open `limit` files, has `used` of them, and is to serve `clients`."""
    return Finding("TH429", {"limit": limit, "used": used or None, "clients": clients or None})


def relay_silent(path: str, pid: int, unit: str = "") -> Finding:
    """The relay with its state in `path` takes connections and answers none; `pid` is 0 where it is not known."""
    return Finding("TH430", {"path": path, "pid": pid or None, "unit": unit})
