"""New certificate files are served while the relay runs: to those who come, without a word to those who are there."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from pathlib import Path

import pytest

from support.certificates import Made, make_certificate
from support.wire import Wire, pass_time, relay, run
from tailhub.certs import files
from tailhub.derp import frames
from tailhub.derp.frames import FrameType
from tailhub.server import certificate_keeper
from tailhub.server.app import RelayServer
from tailhub.server.served_certificates import RETRY_LOOKS

CLIENTS = 200
NAME = "relay.example"
LOOKS = 4  # in which a change must have been noticed, within 5 s
CA = make_certificate(common_name="A CA", is_ca=True)


def made(name: str = NAME) -> Made:
    return make_certificate(dns_names=[name], issuer=CA)


def put(directory: Path, one: Made, stem: str = "a") -> None:
    """Write a pair, as tools do: each file new, then in the place of the old one."""
    for suffix, content in ((".key", one.key_pem), (".crt", one.pem + CA.pem)):
        new = directory / f"{stem}{suffix}.new"
        new.write_bytes(content)
        new.replace(directory / f"{stem}{suffix}")


async def look(times: int = LOOKS) -> None:
    """Let the relay look at its files so often; its looks are made in a thread."""
    for _ in range(times):
        await pass_time(certificate_keeper.LOOK_S)
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)


async def served(server: RelayServer, expected: Made, name: str = NAME) -> None:
    """Wait until a new connection gets this certificate."""
    while (await Wire.open(server, name=name)).chain[0] != expected.der:
        await look(1)


def test_200_clients_stay_while_the_certificate_changes(tmp_path: Path) -> None:
    """A replaced pair is served to new connections, and none of 200 open ones drops."""
    old, new = made(), made()
    put(tmp_path, old)

    async def scenario() -> None:
        async with relay(cert=tmp_path / "a.crt", key=tmp_path / "a.key", hostname=NAME) as server:
            clients = [await Wire.open(server) for _ in range(CLIENTS)]
            for client in clients:
                await client.log_in()
            put(tmp_path, new)
            await served(server, new)
            for client, other in pairwise(clients):
                client.write(frames.send_packet(other.key, b"still here"))
                assert await other.frame() == (FrameType.RECV_PACKET, client.key + b"still here")

    run(scenario)


def test_a_broken_pair_changes_nothing_and_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A key that does not belong to the certificate keeps the old pair, loudly; a good pair then is served."""
    old, new = made(), made()
    put(tmp_path, old)

    async def scenario() -> None:
        async with relay(cert=tmp_path / "a.crt", key=tmp_path / "a.key", hostname=NAME) as server:
            (tmp_path / "a.key").write_bytes(new.key_pem)
            while not [record for record in caplog.records if record.levelno == logging.ERROR]:
                await look(1)
            await look()
            assert (await Wire.open(server)).chain[0] == old.der
            (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
            assert "still served" in said
            put(tmp_path, new)
            await served(server, new)

    run(scenario)


def test_a_directory_gains_and_loses_certificates(tmp_path: Path) -> None:
    """What is put into the directory is served to those who ask for its name, until it is taken away."""
    first, second = made(), made("other.example")
    put(tmp_path, first)

    async def scenario() -> None:
        async with relay(cert_dir=tmp_path, hostname=NAME) as server:
            assert (await Wire.open(server, name="other.example")).chain[0] == first.der
            put(tmp_path, second, "b")
            await served(server, second, "other.example")
            assert (await Wire.open(server)).chain[0] == first.der
            for suffix in (".crt", ".key"):
                (tmp_path / f"b{suffix}").unlink()
            await served(server, first, "other.example")

    run(scenario)


def test_a_directory_may_be_away_for_a_while(tmp_path: Path) -> None:
    """What comes back after the whole directory was gone is served as soon as any other change."""
    directory = tmp_path / "certs"
    directory.mkdir()
    put(directory, made())

    async def scenario() -> None:
        async with relay(cert_dir=directory, hostname=NAME) as server:
            directory.rename(tmp_path / "old")
            await look()
            directory.mkdir()
            put(directory, new := made())
            await served(server, new)

    run(scenario)


def test_a_reason_that_no_file_shows_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A new pair that could not be loaded at first is served once it can, with no further change; it is said once."""
    put(tmp_path, made())

    async def scenario() -> None:
        async with relay(cert=tmp_path / "a.crt", key=tmp_path / "a.key", hostname=NAME) as server:
            with monkeypatch.context() as patch:
                patch.setattr(files, "_MAX_FILE_LEN", 1)  # as descriptors that have run out
                put(tmp_path, new := made())
                while not caplog.records:
                    await look(1)
                await look(2 * RETRY_LOOKS)
            await served(server, new)

    run(scenario)
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


def test_an_error_of_ours_is_not_the_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody foresaw costs one look, with its traceback in the log, and not the watch."""
    put(tmp_path, made())

    async def scenario() -> None:
        async with relay(cert=tmp_path / "a.crt", key=tmp_path / "a.key", hostname=NAME) as server:
            with monkeypatch.context() as patch:
                patch.setattr(certificate_keeper, "reload", lambda *_: 1 / 0)
                put(tmp_path, new := made())
                while not any(record.exc_info for record in caplog.records):
                    await look(1)
            await served(server, new)

    run(scenario)


def test_links_that_move_on_are_a_change(tmp_path: Path) -> None:
    """Certbot and Kubernetes change where a link leads; that is noticed."""
    for number, one in ((1, old := made()), (2, new := made())):
        (tmp_path / str(number)).mkdir()
        put(tmp_path / str(number), one)
    (tmp_path / "live").symlink_to("1")

    async def scenario() -> None:
        async with relay(cert=tmp_path / "live/a.crt", key=tmp_path / "live/a.key", hostname=NAME) as server:
            assert (await Wire.open(server)).chain[0] == old.der
            (tmp_path / "new").symlink_to("2")
            (tmp_path / "new").replace(tmp_path / "live")
            await served(server, new)

    run(scenario)


def test_the_map_follows_what_is_served(tmp_path: Path) -> None:
    """When a certificate of a CA takes the place of a pinned one, the map has no pin any more."""
    pinned = make_certificate(dns_names=[NAME])
    put(tmp_path, pinned)

    async def scenario() -> None:
        async with relay(cert=tmp_path / "a.crt", key=tmp_path / "a.key", hostname=NAME) as server:
            assert server.certificate is not None
            assert server.certificate.pin == pinned.pin
            put(tmp_path, new := made())
            await served(server, new)
            assert not server.certificate.needs_pin

    run(scenario)


def test_derpers_own_pair_is_pinned_as_it_is(tmp_path: Path) -> None:
    """A self-signed pair for an address in the certificate directory is served alone, and clients pin it."""
    own = make_certificate(ips=["192.0.2.7"], common_name="192.0.2.7")
    put(tmp_path, own, "192.0.2.7")

    async def scenario() -> None:
        async with relay(cert_dir=tmp_path) as server:
            leaf, _meta = (await Wire.open(server)).chain
            assert leaf == own.der
            assert server.certificate is not None
            assert server.certificate.pin == own.pin

    run(scenario)
