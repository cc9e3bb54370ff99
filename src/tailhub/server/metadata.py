"""What the cloud says of this machine: which cloud it is, and the public IPv4 address that it maps to us.

Each cloud answers plain HTTP on a link-local address (Aliyun: one in 100.64.0.0/10). All are asked at once, and what
has not come within `LIMIT_S` is forgotten: on a machine that is no cloud's nobody answers. IPv6 is not asked for:
clouds do not translate it, so it stands on an interface.

Nothing that comes back is trusted further than "is one global IPv4 address": sizes are bounded, redirects not followed,
proxies from the environment not used.

Sources: each vendor's page on instance metadata. Oracle's service knows no public address and Azure's only a part of
them; their answers still tell that a 1:1 NAT is normal here.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from tailhub.exceptions import RemoteError
from tailhub.net.http_exchange import exchange
from tailhub.net.interfaces import Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT_S = 0.3  # for all services together
MAX_BODY_BYTES = 8192

_TOKEN = re.compile(rb"[!-~]+")
_LINK_LOCAL = "169.254.169.254"


class Form(StrEnum):
    """What a service's answer looks like."""

    TEXT = "text"  # the address and nothing else
    AZURE_BALANCER = "azure"  # JSON: loadbalancer.publicIpAddresses[].frontendIpAddress
    PRESENCE = "presence"  # 200 means "yes, this is the cloud"; there is no address in it


@dataclass(frozen=True, slots=True)
class Token:
    """A session to open before (PUT, then the token in a header), as AWS's IMDSv2 wants it."""

    path: str
    lifetime_header: str
    header: str


@dataclass(frozen=True, slots=True)
class Service:
    """One question to one metadata service."""

    cloud: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    token: Token | None = None
    form: Form = Form.TEXT
    host: str = _LINK_LOCAL
    port: int = 80


@dataclass(frozen=True, slots=True)
class CloudAnswer:
    """`cloud` answered; `ipv4` is the global address it gave, if it gave one."""

    cloud: str
    ipv4: IPv4Address | None


_AWS_TOKEN = Token("/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token")
_ALIYUN_TOKEN = Token("/latest/api/token", "X-aliyun-ecs-metadata-token-ttl-seconds", "X-aliyun-ecs-metadata-token")
_ALIYUN, _TENCENT = "100.100.100.200", "169.254.0.23"
_GOOGLE_PATH = "/computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip"
_AZURE_PATH = (
    "/metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress?api-version=2021-02-01&format=text"
)
_AZURE = (("Metadata", "true"),)

# In the order of trust: where two answer with an address, the earlier is the one that knows more exactly who it is.
SERVICES: tuple[Service, ...] = (
    Service("AWS", "/latest/meta-data/public-ipv4", token=_AWS_TOKEN),
    Service("Google Cloud", _GOOGLE_PATH, (("Metadata-Flavor", "Google"),)),
    Service("Azure", _AZURE_PATH, _AZURE),
    Service("Azure", "/metadata/loadbalancer?api-version=2020-10-01", _AZURE, form=Form.AZURE_BALANCER),
    Service("Aliyun", "/latest/meta-data/eipv4", token=_ALIYUN_TOKEN, host=_ALIYUN),
    Service("Aliyun", "/latest/meta-data/eipv4", host=_ALIYUN),
    Service("Aliyun", "/latest/meta-data/public-ipv4", host=_ALIYUN),
    Service("Tencent Cloud", "/latest/meta-data/public-ipv4", host=_TENCENT),
    Service("DigitalOcean", "/metadata/v1/interfaces/public/0/ipv4/address"),
    Service("Hetzner", "/hetzner/v1/metadata/public-ipv4"),
    Service("Oracle Cloud", "/opc/v2/instance/id", (("Authorization", "Bearer Oracle"),), form=Form.PRESENCE),
    # The form of AWS's first version, spoken by OpenStack, Huawei Cloud, Vultr, Exoscale and many more.
    Service("OpenStack or alike", "/latest/meta-data/public-ipv4"),
)


async def ask_clouds(services: Sequence[Service] = SERVICES, limit_s: float = LIMIT_S) -> list[CloudAnswer]:
    """Ask all `services` at once; the answers that came within `limit_s`, in the order of `services`."""
    tasks = [asyncio.create_task(_ask(service)) for service in services]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks, timeout=limit_s)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    answers = []
    for task in tasks:
        # Nobody there, or somebody who speaks something else: the normal case on most machines.
        if task.cancelled() or isinstance(task.exception(), OSError | RemoteError):
            continue
        if (answer := task.result()) is not None:
            answers.append(answer)
    return answers


async def _ask(service: Service) -> CloudAnswer | None:
    """One service's answer, None when it is not one. Raises `OSError` and `RemoteError`."""
    headers = service.headers
    if service.token is not None:
        status, body = await _request(service, "PUT", service.token.path, ((service.token.lifetime_header, "60"),))
        if status != 200 or not _TOKEN.fullmatch(body):
            return None
        headers = (*headers, (service.token.header, body.decode("ascii")))
    status, body = await _request(service, "GET", service.path, headers)
    if status != 200:
        return None
    if service.form is Form.PRESENCE:
        return CloudAnswer(service.cloud, None)
    if service.form is Form.AZURE_BALANCER:
        return CloudAnswer(service.cloud, parse_azure_balancer(body))
    # An empty body is how several clouds say "this machine has no public address"; anything else is not theirs.
    address = parse_address(body)
    return CloudAnswer(service.cloud, address) if address is not None or not body.strip() else None


async def _request(service: Service, method: str, path: str, headers: tuple[tuple[str, str], ...]) -> tuple[int, bytes]:
    """One HTTP/1.1 exchange on a connection of its own: status and body."""
    reader, writer = await asyncio.open_connection(service.host, service.port)
    fields = (("Host", service.host), *headers)
    body = b"" if method == "PUT" else None
    answer = await exchange(reader, writer, method, path, fields, body, most_bytes=MAX_BODY_BYTES)
    return answer.status, answer.body


def parse_address(body: bytes) -> IPv4Address | None:
    """The one global IPv4 address that `body` consists of, white space around it allowed."""
    try:
        address = IPv4Address(body.decode("ascii").strip())
    except (AddressValueError, UnicodeDecodeError):
        return None
    return address if kind_of(address) is Kind.GLOBAL else None


def parse_azure_balancer(body: bytes) -> IPv4Address | None:
    """The first global IPv4 address among the public addresses in Azure's load balancer document."""
    import json

    try:
        entries = json.loads(body)["loadbalancer"]["publicIpAddresses"]
        texts = [entry["frontendIpAddress"] for entry in entries]
    except (ValueError, KeyError, TypeError):
        return None
    found = (parse_address(text.encode()) for text in texts if isinstance(text, str))
    return next((address for address in found if address is not None), None)
