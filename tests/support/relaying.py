"""What `tailhub doctor` sees and says of logging in and relaying, at a port where all before that is well."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from tailhub.certs.self_signed import make_self_signed
from tailhub.findings import Finding
from tailhub.tools.doctor import judge, look
from tailhub.tools.doctor.judge.http import HTTPSeen
from tailhub.tools.doctor.judge.tcp import TCPSeen
from tailhub.tools.doctor.judge.tls import TLSSeen
from tailhub.tools.doctor.seen import Options, Seen
from tailhub.tools.report import Step
from tailhub.tools.target import host_target

_NOW = datetime(2026, 11, 27, tzinfo=UTC)


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
    seen.tcp, seen.http = TCPSeen(open_address=host), HTTPSeen(is_upgraded=True)
    if tls:
        seen.tls = TLSSeen(is_tls=True, is_trusted=True, chain=(_certificate(),), version="TLSv1.3", seen_at=_NOW)
    return seen


@cache
def _certificate() -> bytes:
    pem, _ = make_self_signed(["relay.test"], ["127.0.0.1"], _NOW)
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def judged(seen: Seen) -> Said:
    """What is said of what was seen."""
    said = judge.login(seen)
    said.add(judge.packets(seen))
    return Said(seen, {one.code: one for one in said.findings}, {step.name: step for step in said.steps})


async def check(port: int, host: str = "127.0.0.1", *, tls: bool = True, packets: int = 10, **options: Any) -> Said:
    """Log in and send packets there; `options` are those of `Options`."""
    seen, how = reached(port, host, tls=tls), Options(packets=packets, **options)
    seen.login = await look.login(seen, how)
    seen.packets = await look.packets(seen, how)
    return judged(seen)
