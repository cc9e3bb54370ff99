"""Asking relays: at which ports they are, and what a map must say of one. I/O only; judging is in `ports`, `making`."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from tailhub.certs.pin import pin_of_der
from tailhub.client import DERPClient
from tailhub.client.dial import Endpoint, open_stream
from tailhub.client.stun import stun_query
from tailhub.exceptions import CertificateError, TailhubError
from tailhub.net.abort import abort
from tailhub.tools.derpmap.making import RelaySeen
from tailhub.tools.derpmap.ports import DERP_CANDIDATES, STUN_CANDIDATES, PortsSeen, ports_to_ask
from tailhub.tools.target import Target, host_target

__all__ = ["RelayAnswer", "ask_ports", "ask_relay", "ask_stun", "look_at_relay"]

_AT_ONCE = 8  # connections to one host


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """What a relay at `port` shows to whoever comes."""

    port: int
    server_key: bytes
    certificate_der: bytes | None
    is_trusted: bool
    """Do clients take its certificate without a pin?"""


async def ask_ports(target: Target, timeout_s: float = 3.0) -> PortsSeen:
    """Where the relay of a node is heard: at its own ports, or, where it is not, at those that others use."""
    more_derp, more_stun = ports_to_ask(target)
    hosts = _hosts(target)

    async def derp() -> list[int]:
        async def is_relay(port: int) -> bool:
            return await _is_relay(hosts, port, target, timeout_s)

        return await _heard(is_relay, [target.derp_port], more_derp)

    async def stun() -> list[int]:
        async def is_stun(port: int) -> bool:
            return await ask_stun(hosts, port, timeout_s)

        return await _heard(is_stun, [target.stun_port] if target.stun_port else [], more_stun)

    relays, answers = await asyncio.gather(derp(), stun())
    return PortsSeen(tuple(relays), tuple(answers))


async def ask_relay(target: Target, ports: Sequence[int], timeout_s: float = 5.0) -> RelayAnswer:
    """Log in at the first of `ports` where a relay speaks. Raises `OSError` or a `TailhubError` of the last one."""
    failure: Exception = TimeoutError(f"no answer within {timeout_s:g} s")
    for port in ports:
        try:
            client = await _client(target.host, port, target, timeout_s)
        except (OSError, TailhubError) as exc:
            # What the first port says is told: the others are guesses.
            failure = exc if port == ports[0] else failure
            continue
        async with client:
            key, der = client.server_key, client.peer_certificate_der
        return RelayAnswer(port, key, der, await _is_trusted(target.host, port, timeout_s))
    raise failure


async def look_at_relay(text: str, timeout_s: float = 5.0) -> RelaySeen:
    """What a map must say of the relay at ``HOST[:PORT]``. Without a port 443 is tried, then the other usual ones.

    Raises `LocalError` for a text that is no host, `OSError` or a `TailhubError` if no relay speaks there.
    """
    target = host_target(text)
    ports = (target.derp_port,) if target.node.derp_port else DERP_CANDIDATES[:3]
    answer = await ask_relay(target, ports, timeout_s)
    cert_name = ""
    if answer.certificate_der is not None:
        cert_name = (
            _name_in(answer.certificate_der, target.host) if answer.is_trusted else pin_of_der(answer.certificate_der)
        )
    candidates = dict.fromkeys((STUN_CANDIDATES[0], answer.port, *STUN_CANDIDATES))
    stun = await _heard(lambda port: ask_stun([target.host], port, timeout_s / 2), [], tuple(candidates))
    return RelaySeen(target.host, answer.port, answer.server_key, cert_name, stun[0] if stun else None)


async def ask_stun(hosts: Sequence[str], port: int, timeout_s: float) -> bool:
    """Does one of these addresses answer STUN at the port?"""
    for host in hosts:
        try:
            await stun_query(host, port, timeout_s=timeout_s)
        except (OSError, TailhubError):
            continue
        return True
    return False


async def _heard(ask: Callable[[int], Awaitable[bool]], own: Sequence[int], more: Sequence[int]) -> list[int]:
    """The ports that answer: the map's own, else all of the others, in their order."""
    heard = [port for port in own if await ask(port)]
    if heard:
        return heard
    places = asyncio.Semaphore(_AT_ONCE)

    async def in_turn(port: int) -> bool:
        async with places:
            return await ask(port)

    answers = await asyncio.gather(*(in_turn(port) for port in more))
    return [port for port, answered in zip(more, answers, strict=True) if answered]


async def _is_relay(hosts: Sequence[str], port: int, target: Target, timeout_s: float) -> bool:
    for host in hosts:
        try:
            client = await _client(host, port, target, timeout_s)
        except (OSError, TailhubError):
            continue
        await client.close()
        return True
    return False


async def _client(host: str, port: int, target: Target, timeout_s: float) -> DERPClient:
    """A login without looking at the certificate, with a key that is thrown away: admitted or not does not matter."""
    name = target.host if host != target.host else None
    return await DERPClient.connect(
        host, port, server_name=name, insecure=True, wait_admission=False, timeout_s=timeout_s
    )


async def _is_trusted(host: str, port: int, timeout_s: float) -> bool:
    """Would a client take the certificate as it is? For an address it looks at no name."""
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with contextlib.suppress(ValueError):
        ip_address(host)
        context.check_hostname = False
    try:
        stream = await open_stream(Endpoint(host, port, ssl_context=context), timeout_s)
    except (OSError, CertificateError):
        return False
    abort(stream.writer)
    return True


def _name_in(der: bytes, host: str) -> str:
    """The DNS name that clients should expect in a CA's certificate at an address; "" where `host` is a name."""
    from cryptography import x509

    try:
        ip_address(host)
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, x509.ExtensionNotFound):
        return ""
    found = names.value.get_values_for_type(x509.DNSName)
    return next((name for name in found if "*" not in name), "")


def _hosts(target: Target) -> list[str]:
    """Where clients would go: the map's addresses, else what DNS says of the name."""
    fixed = [address for version in (4, 6) if (address := target.fixed_address(version))]
    return fixed or [target.host]
