"""TLS on the public port: versions, ALPN, names, the meta certificate and the fast start it makes possible."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from support.wire import UPGRADE, Wire, believing_context, open_client, pass_time, relay, run
from tailhub import box
from tailhub.derp.frames import FrameType
from tailhub.server import certificate_keeper


def test_tls_1_3_is_preferred() -> None:
    """A client that can do TLS 1.3 gets it, one that cannot gets TLS 1.2."""

    async def scenario() -> None:
        async with relay() as server:
            assert (await Wire.open(server)).tls.version() == "TLSv1.3"
            old = believing_context("http/1.1")
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            client = await Wire.open(server, context=old)
            assert client.tls.version() == "TLSv1.2"
            assert await client.log_in() == b'{"version":2}'

    run(scenario)


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [((), None), (("http/1.1",), "http/1.1"), (("h2", "http/1.1"), "http/1.1"), (("x", "http/1.1"), "http/1.1")],
)
def test_alpn(offered: tuple[str, ...], agreed: str | None) -> None:
    """The relay agrees to http/1.1, and does without ALPN where none is offered."""

    async def scenario() -> None:
        async with relay() as server:
            client = await Wire.open(server, context=believing_context(*offered))
            assert client.tls.selected_alpn_protocol() == agreed
            assert (await client.ask("GET /derp/probe")).status == 200

    run(scenario)


@pytest.mark.parametrize("offered", ["h2", "acme-tls/1", "foo"])
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_unknown_alpn_gets_alert_120(offered: str, newest: ssl.TLSVersion) -> None:
    """A client that offers only what the relay does not speak is told so by alert 120, HTTP/2 alone included."""

    async def scenario() -> None:
        async with relay() as server:
            context = believing_context(offered)
            context.maximum_version = newest
            with pytest.raises(ssl.SSLError, match="alert no application protocol"):
                await Wire.open(server, context=context)

    run(scenario)


def test_any_name_is_served() -> None:
    """Whatever name a client asks for, or none, it gets the relay's certificate and can judge it itself."""

    async def scenario() -> None:
        async with relay(hostname="derp.example.com") as server:
            chains = set()
            for name in ("derp.example.com", "elsewhere.example", "192.0.2.1", ""):
                client = await Wire.open(server, name=name)
                chains.add(tuple(client.chain))
            assert len(chains) == 1

    run(scenario)


@pytest.mark.filterwarnings("ignore:Attribute's length")  # of the CN: 71 characters, and X.509 allows 64
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_meta_certificate(newest: ssl.TLSVersion) -> None:
    """Behind its own certificate the relay sends one that carries its key, in TLS 1.2 too."""

    async def scenario() -> None:
        async with relay() as server:
            context = believing_context("http/1.1")
            context.maximum_version = newest
            leaf, meta = map(x509.load_der_x509_certificate, (await Wire.open(server, context=context)).chain)
            (common_name,) = meta.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
            assert common_name.value == "derpkey" + server.context.public_key.hex()
            assert meta.serial_number == 2
            assert meta.issuer == meta.subject
            assert isinstance(meta.public_key(), Ed25519PublicKey)
            meta.verify_directly_issued_by(meta)
            assert meta.extensions.get_extension_for_class(x509.BasicConstraints)
            now = datetime.now(UTC)
            assert abs(now - timedelta(days=30) - meta.not_valid_before_utc) < timedelta(minutes=5)
            assert abs(now + timedelta(days=30) - meta.not_valid_after_utc) < timedelta(minutes=5)
            assert leaf.serial_number != 2

    run(scenario)


def test_the_meta_certificate_is_renewed_while_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time has come new connections get a new meta certificate; open ones and the pin stay."""
    wall_clock = [datetime.now(UTC)]

    monkeypatch.setattr(certificate_keeper, "datetime", SimpleNamespace(now=lambda tz: wall_clock[0]))

    async def scenario() -> None:
        async with relay() as server:
            before = await open_client(server)
            wall_clock[0] += timedelta(days=19)
            await pass_time(certificate_keeper.META_CHECK_S)
            assert (await Wire.open(server)).chain == before.chain
            wall_clock[0] += timedelta(days=2)
            await pass_time(certificate_keeper.META_CHECK_S)
            after = await Wire.open(server)
            assert after.chain[0] == before.chain[0]
            assert after.chain[1] != before.chain[1]
            meta = x509.load_der_x509_certificate(after.chain[1])
            assert meta.not_valid_after_utc > wall_clock[0] + timedelta(days=29)
            await before.settle()
            assert await after.log_in() == b'{"version":2}'

    run(scenario)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_fast_start(newest: ssl.TLSVersion) -> None:
    """With Derp-Fast-Start: 1 request and ClientInfo come in one flight; ServerKey is sent, and no HTTP response."""

    async def scenario() -> None:
        async with relay() as server:
            context = believing_context("http/1.1")
            context.maximum_version = newest
            client = await Wire.open(server, context=context)
            request = b"GET /derp HTTP/1.1\r\nHost: relay.example\r\n" + UPGRADE + b"Derp-Fast-Start: 1\r\n\r\n"
            key = server.context.public_key
            client.write(request, client.client_info(key))
            assert await client.server_key() == key
            frame_type, body = await client.frame()
            assert frame_type == FrameType.SERVER_INFO
            assert box.open_box(body, box.shared_key(client.private, key)) == b'{"version":2}'

    run(scenario)


def test_fast_start_in_pieces() -> None:
    """The flight of a fast start may be cut anywhere."""

    async def scenario() -> None:
        async with relay() as server:
            key = server.context.public_key
            request = b"GET /derp HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Derp-Fast-Start: 1\r\n\r\n"
            for cut in (1, len(request) - 1, len(request), len(request) + 3, len(request) + 40):
                client = await Wire.open(server)
                flight = request + client.client_info(key)
                client.write(flight[:cut])
                await asyncio.sleep(0)
                client.write(flight[cut:])
                assert await client.server_key() == key
                assert (await client.frame())[0] == FrameType.SERVER_INFO

    run(scenario)
