"""What `tailhub doctor` says of TLS and HTTP at a port of this machine, without the parts before and behind those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailhub.tailcfg.derpmap import DERPMap, DERPNode, DERPRegion
from tailhub.tools.doctor import judge, look
from tailhub.tools.doctor.judge.tcp import Dial, TCPSeen
from tailhub.tools.doctor.seen import Options, Seen
from tailhub.tools.report import Judgement
from tailhub.tools.target import Target, host_target

REGION = 912


@dataclass(frozen=True)
class Said:
    """What was seen and what is said of it."""

    seen: Seen
    judgement: Judgement

    @property
    def codes(self) -> list[str]:
        return [finding.code for finding in self.judgement.findings]

    def step(self, name: str) -> tuple[str, str]:
        """How the step of that name ended, and its code."""
        (found,) = [step for step in self.judgement.steps if step.name == name]
        return found.outcome.value, found.code

    def remark(self, name: str) -> str:
        """What the step of that name says."""
        return next(str(step.remark) for step in self.judgement.steps if step.name == name)

    def text(self, lang: str = "en") -> str:
        """All that the findings say."""
        return "\n".join(
            "\n".join((one.what(lang), one.means(lang), one.remedy(lang), one.now(lang)))  # type: ignore[arg-type]
            for one in self.judgement.findings
        )


def mapped(port: int, host: str = "127.0.0.1", cert_name: str = "", *, insecure: bool = False) -> Target:
    """A relay as a map in a file has it."""
    node = DERPNode(
        name="912a",
        region_id=REGION,
        host_name=host,
        ipv4="127.0.0.1",
        derp_port=port,
        cert_name=cert_name,
        insecure_for_tests=insecure,
    )
    region = DERPRegion(region_id=REGION, region_code="home", region_name="Home", nodes=(node,))
    return Target(node, region, DERPMap(regions={REGION: region}), "policy.hujson")


def hosted(port: int, host: str = "127.0.0.1") -> Target:
    """A relay that somebody named, with no map."""
    return host_target(f"{host}:{port}")


async def examined(target: Target, *, timeout_s: float = 5.0, also: Sequence[str] = ()) -> Said:
    """Look at it at 127.0.0.1, and `also` at others that clients dial, and judge."""
    tcp = TCPSeen(open_address="127.0.0.1", dials=tuple(Dial(address, "open") for address in ("127.0.0.1", *also)))
    seen, options = Seen(target, tcp=tcp), Options(timeout_s=timeout_s)
    seen.tls = await look.tls(seen, options)
    seen.http = await look.http(seen, options)
    judgement = Judgement()
    judgement.add(judge.tls(seen))
    judgement.add(judge.http(seen))
    return Said(seen, judgement)
