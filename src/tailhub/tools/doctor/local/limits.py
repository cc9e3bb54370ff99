"""What the system gives the relay: open files, receive buffers, tracked connections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tailhub import findings
from tailhub.findings import local as local_findings
from tailhub.findings.remark import Remark
from tailhub.server.foundation import FEW_DESCRIPTORS, OWN_DESCRIPTORS
from tailhub.tools.doctor.local.context import LocalContext
from tailhub.tools.doctor.local.ports import listen_specs, served_port
from tailhub.tools.doctor.local.unit import read
from tailhub.tools.report import Judgement

__all__ = ["LimitsSeen", "check", "judge", "lost_datagrams", "parse_open_files"]

LEAST_RECEIVE_BYTES = 200 << 10  # what every Linux gives without being asked; a smaller buffer was made so
MANY_LOST, LOST_SHARE = 10, 0.001  # fewer of all requests are a moment's, not a machine's
NEARLY = 0.9
TABLE_NEARLY = 0.8
_LINE = re.compile(r"(?m)^Max open files\s+(\S+)\s+(\S+)")


@dataclass(frozen=True, slots=True)
class LimitsSeen:
    """What there is; None where it cannot be told.

    `files`: how many a process of the relay may open, `used` so many its `processes` have together; `clients`: how many
    it is to serve, or does, the more. `receive_bytes` is the smallest buffer of its STUN sockets, `lost` how many
    datagrams these had no room for beside the `requests` that came, and `receive_limit` what the kernel allows.
    `tracked` of at most `table` connections are in the kernel's table.
    """

    files: int | None = None
    used: int = 0
    processes: int = 1
    clients: int = 0
    stun_port: int = 0
    receive_bytes: int | None = None
    receive_limit: int | None = None
    lost: int = 0
    requests: int = 0
    tracked: int | None = None
    table: int | None = None


async def check(context: LocalContext) -> Judgement:
    """Look, and judge."""
    return judge(_look(context))


def _look(context: LocalContext) -> LimitsSeen:
    root, checkup = context.root, context.relay.checkup if context.relay is not None else {}
    sizes = [size for size in checkup.get("stun_receive_bytes", ()) if isinstance(size, int)]
    ports = [served_port(context, step, spec) for step, _, spec in listen_specs(context.config) if step == "stun"]
    pid = (context.relay.pid if context.relay is not None else 0) or "self"
    lost = sum(
        lost_datagrams(read(root / f"proc/{pid}/net/{name}"), port) for name in ("udp", "udp6") for port in ports
    )
    files = _files(context)
    return LimitsSeen(
        files=files,
        used=int(checkup.get("open_fds", 0)),
        processes=max(1, round(checkup.get("max_fds", 0) / files)) if files else 1,
        clients=max(context.config.relay_connections, int(checkup.get("clients", 0))),
        stun_port=ports[0] if ports else 0,
        receive_bytes=min(sizes, default=None),
        receive_limit=_number(root / "proc/sys/net/core/rmem_max"),
        lost=lost if checkup else 0,
        requests=int(checkup.get("stun_requests", 0)),
        tracked=_number(root / "proc/sys/net/netfilter/nf_conntrack_count"),
        table=_number(root / "proc/sys/net/netfilter/nf_conntrack_max"),
    )


def _files(context: LocalContext) -> int | None:
    """How many files the relay may open: it raises its own limit up to the hard one."""
    relay = context.relay
    if relay is not None and relay.pid:
        limit = parse_open_files(read(context.root / f"proc/{relay.pid}/limits"))
        if limit is not None:
            return limit
    if relay is not None and relay.checkup.get("max_fds"):
        return int(relay.checkup["max_fds"])
    if relay is None and context.unit is not None:
        words = context.unit.last("LimitNOFILE").split(":")
        return int(words[-1]) if words[-1].isdigit() else None
    return parse_open_files(read(context.root / "proc/self/limits")) if relay is None else None


def parse_open_files(text: str) -> int | None:
    """The hard limit in ``/proc/PID/limits``; None for none, or where it does not say."""
    found = _LINE.search(text)
    return int(found[2]) if found is not None and found[2].isdigit() else None


def lost_datagrams(table: str, port: int) -> int:
    """How many datagrams the sockets on `port` had no room for, by ``/proc/net/udp`` or ``udp6`` (the last column)."""
    lost = 0
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 12 and fields[1].endswith(f":{port:04X}") and fields[-1].isdigit():
            lost += int(fields[-1])
    return lost


def _number(path: Path) -> int | None:
    text = read(path).strip()
    return int(text) if text.isdigit() else None


def judge(seen: LimitsSeen) -> Judgement:
    """What it means for the clients."""
    judgement = Judgement()
    _judge_files(judgement, seen)
    _judge_receiving(judgement, seen)
    _judge_table(judgement, seen)
    return judgement


def _judge_files(judgement: Judgement, seen: LimitsSeen) -> None:
    if seen.files is None:
        judgement.untested("files", Remark("files_unknown"))
        return
    remark = Remark("files_limit", {"limit": seen.files * seen.processes, "used": seen.used})
    room = seen.files - OWN_DESCRIPTORS
    if seen.clients > room * seen.processes or seen.used > seen.files * seen.processes * NEARLY:
        judgement.found("files", local_findings.descriptors_run_out(seen.files, seen.used, seen.clients), remark)
    elif seen.files < FEW_DESCRIPTORS:
        judgement.found("files", findings.descriptor_limit_low(seen.files, max(0, room)), remark)
    else:
        judgement.ok("files", remark)


def _judge_receiving(judgement: Judgement, seen: LimitsSeen) -> None:
    if not seen.stun_port or seen.receive_bytes is None:
        return
    remark = Remark("receive_buffer", {"size": seen.receive_bytes, "lost": seen.lost})
    many = max(MANY_LOST, seen.requests * LOST_SHARE)
    if seen.lost > many or seen.receive_bytes < LEAST_RECEIVE_BYTES:
        finding = local_findings.stun_requests_lost(seen.stun_port, seen.lost, seen.receive_bytes, seen.receive_limit)
        judgement.found("buffers", finding, remark)
    else:
        judgement.ok("buffers", remark)


def _judge_table(judgement: Judgement, seen: LimitsSeen) -> None:
    if not seen.table or seen.tracked is None:
        return  # nothing is tracked here
    percent = 100 * seen.tracked // seen.table
    remark = Remark("table_used", {"count": seen.tracked, "most": seen.table})
    if seen.tracked >= seen.table * TABLE_NEARLY:
        finding = local_findings.connection_table_full(seen.tracked, seen.table, percent, seen.table * 4)
        judgement.found("conntrack", finding, remark)
    else:
        judgement.ok("conntrack", remark)
