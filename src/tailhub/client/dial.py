"""Reaching a relay: TCP, TLS and the check of its certificate, up to a stream that frames can go over.

Plain asyncio streams and the library's TLS, so that it runs wherever Python does.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address

from tailhub.client import peer_certificate
from tailhub.exceptions import CertificateError, LocalError
from tailhub.net.abort import abort

__all__ = ["Endpoint", "OpenStream", "open_stream"]

STREAM_LIMIT_BYTES = 64 << 10  # a StreamReader holds at most twice this
_HAPPY_EYEBALLS_DELAY_S = 0.25  # RFC 8305 section 5
# What to do about a certificate that OpenSSL refuses, by its numbers (x509_vfy.h).
_PIN_HINT = ": a self-signed certificate needs its pin as cert_name"
_NAME_HINT = ": the relay's name, if it is not the host that is dialled, is server_name"
_VERIFY_HINTS = {18: _PIN_HINT, 19: _PIN_HINT, 62: _NAME_HINT, 64: _NAME_HINT}
_TLS_SHUTDOWN_S = 1.0  # how long a close may wait for the relay's close_notify


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a relay is, and what its certificate must look like. The arguments of `DERPClient.connect` explain each."""

    host: str
    port: int = 443
    server_name: str | None = None
    cert_name: str | None = None
    insecure: bool = False
    tls: bool = True
    ssl_context: ssl.SSLContext | None = None
    family: int = socket.AF_UNSPEC

    def __post_init__(self) -> None:
        if self.cert_name is not None:
            peer_certificate.check_cert_name(self.cert_name)
        if self.insecure and self.ssl_context is not None:
            raise LocalError("insecure: not together with ssl_context; switch the checks off in that context instead")

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def name(self) -> str:
        """The name by which the relay is known in TLS and HTTP."""
        return self.server_name or self.host

    @property
    def host_header(self) -> str:
        """As a real client writes it: with the port unless it is 443."""
        try:
            name = self.name if self.name.isascii() else self.name.encode("idna").decode()
        except UnicodeError as exc:
            raise LocalError(f"host: not a name that DNS could carry: {exc}") from exc
        return _bracketed(name) if self.port == 443 else f"{_bracketed(name)}:{self.port}"


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A stream to a relay whose certificate has passed. Without TLS there is neither certificate nor meta key."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    certificate_der: bytes | None = None
    meta_key: bytes | None = None  # the relay's DERP key out of its meta certificate


async def open_stream(endpoint: Endpoint, timeout_s: float) -> OpenStream:
    """Connect. Raises `OSError` (`TimeoutError` and `ssl.SSLError` are such) or `CertificateError`."""
    try:
        async with asyncio.timeout(timeout_s) as limit:
            return await _open(endpoint)
    except TimeoutError:
        if not limit.expired():
            raise
        what = "TCP connection and TLS handshake" if endpoint.tls else "TCP connection"
        raise TimeoutError(f"{endpoint}: no {what} within {timeout_s:g} s") from None


async def _open(endpoint: Endpoint) -> OpenStream:
    # For a name both families are tried, the second a moment later; it must not be given for an address.
    delay_s = None if _is_ip(endpoint.host) else _HAPPY_EYEBALLS_DELAY_S
    if not endpoint.tls:
        reader, writer = await asyncio.open_connection(
            endpoint.host,
            endpoint.port,
            family=endpoint.family,
            limit=STREAM_LIMIT_BYTES,
            happy_eyeballs_delay=delay_s,
        )
        return OpenStream(reader, writer)
    context = endpoint.ssl_context or peer_certificate.make_context(
        endpoint.name, endpoint.cert_name, insecure=endpoint.insecure
    )
    try:
        reader, writer = await asyncio.open_connection(
            endpoint.host,
            endpoint.port,
            family=endpoint.family,
            limit=STREAM_LIMIT_BYTES,
            happy_eyeballs_delay=delay_s,
            ssl=context,
            server_hostname=endpoint.name,
            ssl_shutdown_timeout=_TLS_SHUTDOWN_S,
        )
    except ssl.SSLCertVerificationError as exc:
        hint = _VERIFY_HINTS.get(exc.verify_code, "")
        raise CertificateError(f"{endpoint}: {exc.verify_message}{hint}", "cert_untrusted") from exc
    try:
        return _checked(endpoint, reader, writer)
    except BaseException:
        abort(writer)
        raise


def _checked(endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> OpenStream:
    try:
        shown = peer_certificate.judge(writer.get_extra_info("ssl_object"), endpoint.name, endpoint.cert_name)
    except CertificateError as exc:
        raise CertificateError(f"{endpoint}: {exc}", exc.reason) from exc
    return OpenStream(reader, writer, *shown)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
