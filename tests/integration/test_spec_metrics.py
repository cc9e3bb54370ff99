"""The numbers of a running relay: complete, and under the original's names too."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from asyncio.subprocess import PIPE
from math import prod
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from support import require
from support.ports import free_ports
from support.relay_process import RelayProcess
from support.relay_process import until as until_page
from support.waiting import until
from support.wire import Wire, believing_context, open_client, relay, run
from tailhub.cli.admin_socket import call
from tailhub.server.app import RelayServer
from tailhub.server.config import ListenerConfig
from tailhub.server.tenant_config import TenantConfig
from tailhub.web.metric_labels import BOUNDS
from tailhub.web.metrics import METRICS


async def varz(server: RelayServer) -> dict[str, str]:
    """/debug/varz: each line's value by what is before it."""
    pages = await Wire.open(server)
    body = (await pages.ask("GET /debug/varz")).body.decode()
    pages.close()
    return dict(line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))


def test_every_metric_of_the_table_has_a_number(tmp_path: Path) -> None:
    """A relay that runs, with a limit, a quota, tenants and a mesh, shows each metric of the table, and no other."""
    mesh_key = tmp_path / "mesh.key"
    mesh_key.write_text("ab" * 32)
    mesh_key.chmod(0o600)
    mesh = {"mesh_key_file": mesh_key, "mesh_with": (f"127.0.0.1:{free_ports()}",)}
    friends = tmp_path / "friends"
    friends.write_text("")
    tenants = {"allow_list": "on", "more_tenants": (TenantConfig("friends", allow_list=friends),)}

    async def scenario() -> None:
        listeners = {"admin_listen": "127.0.0.1:0", "stun_listen": "127.0.0.1:0"}
        limits = {"rate_limit_bytes_per_s": 1e6, "quota_key_gb": 1.0, "store": ""}
        async with relay(**listeners, **limits, **tenants, **mesh) as server:
            assert server.listeners.admin is not None
            operator = await Wire.open(server, port=server.listeners.admin.port, tls=False)
            answer = await operator.ask("GET /metrics", host=b"Host: localhost\r\n")
            shown = re.findall(r"^# TYPE (\S+) ", answer.body.decode(), re.MULTILINE)
            assert sorted(shown) == sorted(metric.name for metric in METRICS)

    run(scenario)


async def metrics(server: RelayServer) -> dict[str, dict[tuple[str, ...], float]]:
    """/metrics: by name, the values of labels in alphabetical order to the number."""
    assert server.listeners.admin is not None
    operator = await Wire.open(server, port=server.listeners.admin.port, tls=False)
    answer = await operator.ask("GET /metrics", host=b"Host: localhost\r\n")
    operator.close()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_what_only_the_desk_knows(tmp_path: Path) -> None:
    """Each listener's certificate, whether each verifier can be reached, and each tenant's quota have their numbers."""
    friends = tmp_path / "friends"
    friends.write_text("")
    port = free_ports(2)
    away = f"http://127.0.0.1:{port}/verify"
    tenants = (TenantConfig("friends", allow_list=friends, quota_tenant_gb=250.0),)
    listener = ListenerConfig(listen=f"127.0.0.1:{port + 1}", pin="next")

    async def scenario() -> None:
        options = {"admin_listen": "127.0.0.1:0", "verify_url": away, "store": "", "more_listeners": (listener,)}
        async with relay(**options, more_tenants=tenants) as server:
            before = await metrics(server)
            assert before["tailhub_tenant_quota_bytes"] == {("friends",): 250e9}
            assert before["tailhub_tenant_quota_used_bytes"] == {("friends",): 0}
            assert before["tailhub_verifier_reachable"] == {("allow list of friends",): 1, (away,): 1}
            assert "tailhub_credential_expires_seconds" not in before
            expires = before["tailhub_certificate_expires_seconds"]
            assert sorted(expires) == sorted([("127.0.0.1:0",), (listener.listen,)])
            assert all(at > time.time() for at in expires.values())
            assert (before["tailhub_ready"], before["tailhub_draining"]) == ({(): 1}, {(): 0})
            stranger = await Wire.open(server)
            stranger.write(stranger.client_info(await stranger.upgrade()))
            await stranger.frame()
            while (await metrics(server))["tailhub_verifier_reachable"][(away,)] != 0:
                pass  # numbers are up to a second old

    run(scenario)


def test_prometheus_takes_them() -> None:
    """Prometheus' own check finds nothing to improve in the metrics of a relay that has clients."""
    promtool = require.promtool()

    async def scenario() -> None:
        async with relay(admin_listen="127.0.0.1:0", stun_listen="127.0.0.1:0") as server:
            client = await open_client(server)
            assert server.listeners.admin is not None
            operator = await Wire.open(server, port=server.listeners.admin.port, tls=False)
            text = (await operator.ask("GET /metrics", host=b"Host: localhost\r\n")).body
            client.close()
            process = await asyncio.create_subprocess_exec(
                promtool, "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=PIPE
            )
            assert await process.communicate(text) == (b"", b"")
            assert process.returncode == 0

    run(scenario)


def test_a_relay_that_is_emptied_is_not_ready(tmp_path: Path) -> None:
    """While it is emptied a relay's metrics say so, and that it is not to get clients."""
    with RelayProcess(state_dir=tmp_path) as process:
        assert (process.metric("tailhub_ready"), process.metric("tailhub_draining")) == (1, 0)
        call(tmp_path, "POST", "drain", {"delay_s": "60"})
        # Numbers are up to a second old.
        until_page(lambda: process.metric("tailhub_draining") == 1, "it is being emptied", process.log)
        assert process.metric("tailhub_ready") == 0


def test_no_words_of_a_peer_make_more_series(tmp_path: Path) -> None:
    """Whatever requests and first bytes strangers invent, no metric has more series than its labels' bounds allow."""

    async def scenario() -> None:
        async with relay(admin_listen="127.0.0.1:0", stun_listen="127.0.0.1:0") as server:
            for number in range(80):
                odd = await Wire.open(server, tls=number % 2 == 0)
                words = (f"odd{number} /{number} HTTP/1.{number}", f"GET /{number} HTTP/1.1\r\nHost: {number}", "\x16")
                odd.write(words[number % 3].encode(), b"\r\n\r\n")
                await odd.rest() if number % 2 else odd.close()
            await until(lambda: not len(server.context.newcomers))
            shown = await metrics(server)
            for metric in METRICS:
                most = prod(BOUNDS[metric.key, label].most for label in metric.labels)
                assert len(shown.get(metric.name, ())) <= most, metric.name
            assert len(shown["tailhub_refused_total"]) > 1

    run(scenario)


def test_tls_connections_are_counted_by_version() -> None:
    """Open TLS connections count once each, whether they log in, have logged in or read pages; closed ones do not."""

    async def scenario() -> None:
        async with relay() as server:
            old = believing_context()
            old.maximum_version = ssl.TLSVersion.TLSv1_2
            clients = [await open_client(server), await Wire.open(server), await Wire.open(server, context=old)]
            await clients[1].upgrade()
            name = 'derper_tls_active_version{version="TLSv1.%d"}'
            numbers = await varz(server)
            assert (numbers[name % 3], numbers[name % 2]) == ("3", "1")  # the third is the one that asks
            for client in clients:
                client.close()
            await until(lambda: not server.context.derp_connections and not len(server.context.newcomers))
            numbers = await varz(server)
            assert (numbers[name % 3], numbers.get(name % 2)) == ("1", None)

    run(scenario)


def test_bootstrap_dns_requests_are_counted() -> None:
    """Each request for /bootstrap-dns counts."""

    async def scenario() -> None:
        async with relay() as server:
            before = (await varz(server))["bootstrap_dns_requests"]
            await (await Wire.open(server)).ask("GET /bootstrap-dns")
            await (await Wire.open(server)).ask("GET /bootstrap-dns?q=x")
            assert (before, (await varz(server))["bootstrap_dns_requests"]) == ("0", "2")

    run(scenario)


def test_names_of_duplicates_and_drops() -> None:
    """Duplicates and drops go by the original's names, drops by reason and kind."""

    async def scenario() -> None:
        async with relay() as server:
            client = await open_client(server)
            twin = await open_client(server, private=client.private)
            numbers = await varz(server)
            assert numbers["derp_current_dup_client_keys"] == "1"
            assert numbers["derp_current_dup_client_conns"] == "2"
            assert numbers["derp_total_dup_client_conns"] == "1"
            for metric in ("derp_packets_dropped", "derp_bytes_dropped"):
                for reason in ("unknown_dest", "unknown_dest_on_fwd", "gone_disconnected", "queue_head", "queue_tail"):
                    for kind in ("disco", "other"):
                        assert numbers[f'{metric}{{reason="{reason}",kind="{kind}"}}'] == "0"
            assert await twin.settle() == []

    run(scenario)
