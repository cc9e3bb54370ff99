"""Looks at what certificate the relay shows, and whether clients take it.

A first handshake takes whatever is shown, in whatever version, so that it can be seen at all; a second one asks OpenSSL
who vouches for it, by the CAs of this machine, and a third, if that fails, the same without looking at dates.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tailhub.client.dial import Endpoint, open_stream
from tailhub.client.peer_certificate import make_context, peer_chain
from tailhub.exceptions import CertificateError
from tailhub.net.abort import abort
from tailhub.tools.doctor.judge.certificate import NOT_ASKED, is_checked_by_clients, judge_certificate
from tailhub.tools.doctor.judge.tcp import why_no_tls
from tailhub.tools.doctor.judge.tls import OLD_VERSIONS, TLSSeen

if TYPE_CHECKING:
    from tailhub.tools.doctor.seen import Options, Seen
    from tailhub.tools.target import Target

__all__ = ["look", "unchecked_endpoint"]

_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
_ISSUER_NOT_HERE: Final = (2, 20, 21)  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT and its likes


async def look(seen: Seen, options: Options) -> TLSSeen:
    """Make up to three handshakes with the address that answered."""
    address, target = seen.tcp.open_address, seen.target
    if not address or why_no_tls(seen):
        return TLSSeen()
    tls = await _handshake(target, address, options.timeout_s)
    if not tls.is_tls or tls.version in OLD_VERSIONS:
        return tls
    if is_checked_by_clients(target) and not target.is_pinned:
        tls = await _with_authorities(tls, target, address, options.timeout_s)
    return replace(tls, is_trusted=not judge_certificate(target, tls).stops_clients)


def unchecked_endpoint(target: Target, address: str, *, by_name: bool = True) -> Endpoint:
    """Reach it as clients do, by address with its name in TLS and HTTP, and take any certificate and version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # TLS 1.0 and 1.1 sign with SHA-1
    return Endpoint(address, target.derp_port, _name(target) if by_name else None, ssl_context=context)


def _name(target: Target) -> str | None:
    """What clients ask for (SNI): HostName, but no address. Without the last dot, as Go writes it."""
    try:
        ip_address(target.host)
    except ValueError:
        return target.host.rstrip(".") or None
    return None


async def _handshake(target: Target, address: str, timeout_s: float) -> TLSSeen:
    endpoint = unchecked_endpoint(target, address)
    is_by_name, now = endpoint.server_name is not None, datetime.now(UTC)
    try:
        stream = await open_stream(endpoint, timeout_s)
    except (OSError, ValueError, CertificateError) as exc:  # ValueError: a name that TLS cannot carry
        failure = _called(exc)
        works = is_by_name and await _works(unchecked_endpoint(target, address, by_name=False), timeout_s)
        return TLSSeen(seen_at=now, failure=failure, is_by_name=is_by_name, works_without_name=works)
    inner: ssl.SSLObject = stream.writer.get_extra_info("ssl_object")
    chain, version = tuple(peer_chain(inner)), inner.version() or ""
    abort(stream.writer)
    return TLSSeen(True, False, chain, version, stream.meta_key or b"", now, is_by_name=is_by_name)


async def _works(endpoint: Endpoint, timeout_s: float) -> bool:
    try:
        stream = await open_stream(endpoint, timeout_s)
    except (OSError, CertificateError):
        return False
    abort(stream.writer)
    return True


def _called(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "timeout"
    if isinstance(exc, ssl.SSLEOFError):
        return "closed"
    if isinstance(exc, ssl.SSLError):
        return exc.reason or "TLS"
    if isinstance(exc, ConnectionResetError):
        return "reset"
    return type(exc).__name__


# --- who vouches for it -----------------------------------------------------------------------------------------------


async def _with_authorities(tls: TLSSeen, target: Target, address: str, timeout_s: float) -> TLSSeen:
    context = make_context(target.host, None, insecure=False)
    context.check_hostname = False  # a client's rules for names are asked apart
    context.set_ciphers("DEFAULT:@SECLEVEL=1")  # as Go, which takes keys that Debian's OpenSSL finds too small
    code, says = await _verified(context, target, address, timeout_s)
    if code:
        context.verify_flags |= _NO_CHECK_TIME
        untimed, untimed_says = await _verified(context, target, address, timeout_s)
        if untimed not in (0, NOT_ASKED):
            code, says = untimed, untimed_says
    tls = replace(tls, verify_code=code, verify_says=says)
    if code in _ISSUER_NOT_HERE:
        organizations = _organizations(context)
        return replace(tls, knows_authorities=organizations is not None, authorities=organizations or frozenset())
    return tls


async def _verified(context: ssl.SSLContext, target: Target, address: str, timeout_s: float) -> tuple[int, str]:
    """OpenSSL's number for what is wrong, and its words; 0 if nothing is."""
    try:
        stream = await open_stream(Endpoint(address, target.derp_port, _name(target), ssl_context=context), timeout_s)
    except CertificateError as exc:
        cause = exc.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_code, cause.verify_message
        return NOT_ASKED, str(exc)
    except OSError as exc:
        return NOT_ASKED, str(exc)
    abort(stream.writer)
    return 0, ""


def _organizations(context: ssl.SSLContext) -> frozenset[str] | None:
    """The organisations of this machine's CAs; None if it has no CAs."""
    authorities, directory = context.get_ca_certs(), ssl.get_default_verify_paths().capath
    if not authorities and directory is not None:  # OpenSSL reads such a directory only as it needs it
        with suppress(OSError):  # ssl.SSLError too
            context.load_verify_locations(Path(directory) / "ca-certificates.crt")
        authorities = context.get_ca_certs()
    if not authorities:
        return None
    names = (pair for authority in authorities for part in authority["subject"] for pair in part)
    return frozenset(str(pair[1]) for pair in names if pair[0] == "organizationName")
