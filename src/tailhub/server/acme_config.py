"""What is asked of the ACME client of each listener, and what is wrong with that. Opens nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from tailhub import findings
from tailhub.certs.acme_challenge import (
    CHALLENGES,
    DNS_01,
    HTTP_01,
    HTTP_PORT,
    TLS_ALPN_01,
    TLS_PORT,
    Challenge,
    Ways,
    choose,
    possible,
)
from tailhub.exceptions import UsageError
from tailhub.findings import Finding, Place
from tailhub.net.listen_spec import ListenSpec, parse_listen, parse_public
from tailhub.server.config import ListenerConfig, RelayConfig

__all__ = ["acme_findings", "acme_notes", "challenge_of", "identifiers_of", "ways_of"]


def identifiers_of(config: RelayConfig, listener: ListenerConfig) -> tuple[str, ...]:
    """For what the certificate is to be: the listener's name, else the relay's addresses."""
    if listener.hostname:
        return (listener.hostname.lower(),)
    return tuple(str(address) for address in config.addresses)


def ways_of(config: RelayConfig, listener: ListenerConfig) -> Ways:
    """By which ways an ACME server could reach this listener."""
    return Ways(
        tls_port=listener.public_port or _port(parse_public, listener.listen),
        http_port=_port(parse_listen, config.http_listen),
        has_hook=bool(listener.acme_dns_hook),
        is_ip=not listener.hostname,
    )


def challenge_of(config: RelayConfig, listener: ListenerConfig) -> Challenge | None:
    """The challenge that this listener uses; None when there is none that could work."""
    return choose(listener.acme_challenge, ways_of(config, listener))


def acme_findings(config: RelayConfig, listener: ListenerConfig) -> Iterator[Finding]:
    """What keeps the ACME client of this listener from working at all."""
    if (bool(listener.acme_eab_kid)) != bool(listener.acme_eab_key):
        there, missing = ("acme_eab_kid", "acme_eab_key")[:: 1 if listener.acme_eab_kid else -1]
        yield findings.acme_eab_half(listener.place(there), findings.sibling(listener.place(there), missing))
    if not listener.acme:
        return
    for other in ("cert", "cert_dir"):
        if getattr(listener, other) is not None:
            yield findings.options_exclude(listener.place("acme"), listener.place(other))
    url = urlsplit(listener.acme_directory)
    if url.scheme != "https" or not url.hostname:
        yield findings.bad_acme_directory(listener.acme_directory, listener.place("acme_directory"))
    if not identifiers_of(config, listener):
        yield findings.acme_needs_name(listener.place("acme"), findings.sibling(listener.place("acme"), "hostname"))
        return
    yield from _challenge_findings(config, listener)


def _challenge_findings(config: RelayConfig, listener: ListenerConfig) -> Iterator[Finding]:
    asked_for, ways = listener.acme_challenge, ways_of(config, listener)
    place = listener.place("acme_challenge")
    name = ", ".join(identifiers_of(config, listener))
    if asked_for and asked_for not in CHALLENGES:
        yield findings.bad_acme_challenge(asked_for, place)
    elif asked_for == DNS_01 and ways.is_ip:
        yield findings.acme_challenge_not_for_address(name, place)
    elif asked_for == DNS_01 and not ways.has_hook:
        yield findings.acme_needs_hook(place, _other(listener, "acme_dns_hook"))
    elif asked_for == HTTP_01 and ways.http_port is None:
        yield findings.acme_needs_http(place, _other(listener, "http_listen"))
    elif not asked_for and not possible(ways):
        place = listener.place("acme")
        port, http, hook = (_other(listener, other) for other in ("public_port", "http_listen", "acme_dns_hook"))
        yield findings.acme_no_challenge(name, place, port, http, hook, for_address=ways.is_ip)


def _other(listener: ListenerConfig, setting: str) -> Place:
    return findings.sibling(listener.place("acme"), setting)


def acme_notes(config: RelayConfig, listener: ListenerConfig) -> Iterator[Finding]:
    """For ``config check``: which challenge is used, and what its server must be able to reach."""
    challenge = challenge_of(config, listener)
    if not listener.acme or challenge is None or any(acme_findings(config, listener)):
        return
    ways = ways_of(config, listener)
    name = ", ".join(identifiers_of(config, listener))
    yield findings.acme_challenges(name, listener.acme_directory, challenge, [*possible(ways)])
    needed, found = {TLS_ALPN_01: (TLS_PORT, ways.tls_port), HTTP_01: (HTTP_PORT, ways.http_port)}.get(
        challenge, (None, None)
    )
    if needed != found and needed is not None:
        yield findings.acme_challenge_port(challenge, needed, found, listener.place("acme_challenge"))


def _port(parse: Callable[[str, str], object], text: str) -> int | None:
    """The port in HOST:PORT; None for none, a unix socket, or what cannot be read (told of elsewhere)."""
    try:
        spec = parse(text, "")
    except UsageError:
        return None
    return spec.port if isinstance(spec, ListenSpec) else None
