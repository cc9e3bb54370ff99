"""What `tailhub doctor` sees and says of logging in and relaying, at a port where all before that is well."""

from __future__ import annotations

from typing import Any, NamedTuple

from tailhub.findings import Finding
from tailhub.tools.doctor import judge, look
from tailhub.tools.doctor.judge.http import HTTPSeen
from tailhub.tools.doctor.judge.tcp import TCPSeen
from tailhub.tools.doctor.judge.tls import TLSSeen
from tailhub.tools.doctor.seen import Options, Seen
from tailhub.tools.report import Step
from tailhub.tools.target import host_target


class Said(NamedTuple):
    """What was seen, and what is said of it: findings by code, steps by name."""

    seen: Seen
    findings: dict[str, Finding]
    steps: dict[str, Step]

    @property
    def codes(self) -> list[str]:
        """Of all findings."""
        return list(self.findings)


def reached(port: int, host: str = "127.0.0.1", *, tls: bool = True) -> Seen:
    """A relay that was reached, and upgrades."""
    seen = Seen(host_target(f"{host}:{port}"))
    seen.tcp, seen.tls, seen.http = TCPSeen(open_address=host), TLSSeen(is_tls=tls, is_trusted=True), HTTPSeen(True)
    return seen


def judged(seen: Seen) -> Said:
    """What is said of what was seen."""
    said = judge.login(seen)
    said.add(judge.packets(seen))
    return Said(seen, {one.code: one for one in said.findings}, {step.name: step for step in said.steps})


async def check(port: int, host: str = "127.0.0.1", *, tls: bool = True, packets: int = 20, **options: Any) -> Said:
    """Log in and send packets there; `options` are those of `Options`."""
    seen, how = reached(port, host, tls=tls), Options(packets=packets, **options)
    seen.login = await look.login(seen, how)
    seen.packets = await look.packets(seen, how)
    return judged(seen)
