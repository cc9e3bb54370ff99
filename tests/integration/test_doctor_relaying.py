"""Faults 9, 19, 20, 22 and 23 of the diagnosis, produced and named: logging in, relaying packets, idle connections.

| fault | how it is produced here | code |
| --- | --- | --- |
| 9 large packets vanish | a path with a small MTU and no ICMP (network namespaces); a proxy that chokes | TH402 |
| 19 a proxy buffers | a TCP proxy that collects (stands in: no common proxy does that after an upgrade) | TH403 |
| 19 a proxy cuts idle connections | nginx with a short proxy_read_timeout | TH404 |
| 20 login closes after ClientInfo | our relay with an allow list and refuse = close | TH400 |
| 20 reachable, but this key is not allowed | our relay with an allow list | TH401, TH409 |
| 22 packets are lost | a proxy that drops frames; nftables that drops segments, in one direction at a time | TH405 |
| 22 delay | a TCP proxy that delays (no delaying network device is in every kernel) | TH406 |
| 23 limited by the relay | our relay with a limit | TH407 |

Beside these: answers that are no DERP, none at all, packets that are changed on the way, relays that tell something.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from support import require
from support.middlebox import Frame, Ship, chokes_on, frames, in_lumps, late, middlebox
from support.netns import NetworkNamespace
from support.ports import free_ports
from support.relay_process import RelayProcess
from support.relaying import check
from support.scripted_relay import Session, scripted_relay
from support.server_process import ServerProcess
from support.wire import relay, run
from tailhub import box
from tailhub.derp import frames as derp
from tailhub.derp.frames import FrameType
from tailhub.keys import NodePrivate
from tailhub.relay.health import Notice
from tailhub.tools.doctor.judge.login import LoginEnd
from tailhub.tools.doctor.judge.packets import Way
from tailhub.tools.report import Outcome

KEY = NodePrivate(bytes(range(1, 33)))
PUBLIC = str(box.public_key(KEY))
TIMEOUT_S = 0.6  # for an answer that does not come
RATE = 1_000_000.0


def allow_list(directory: Path, *keys: str) -> Path:
    file = directory / "allowed_keys"
    file.write_text("".join(f"{key}\n" for key in keys))
    return file


# --- nothing is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_a_healthy_relay(tls: bool) -> None:
    """A relay that lets everybody in and passes everything on gives no finding."""

    async def scenario() -> None:
        async with relay(tls=tls) as server:
            said = await check(server.listeners.public.port, tls=tls)
            assert said.codes == []
            assert [said.steps[name].outcome for name in ("login", "packets")] == [Outcome.OK, Outcome.OK]
            packets = said.seen.packets
            assert [(flight.size, flight.sent) for flight in packets.flights] == [(60, 10), (1400, 10), (65_536, 10)]
            assert packets.received == packets.sent
            assert said.seen.login.server_key == server.context.public_key

    run(scenario)


def test_few_connections() -> None:
    """A whole look makes three connections: relays may limit those from one address."""

    async def scenario() -> None:
        async with relay() as server:
            await check(server.listeners.public.port)
            assert server.context.relay.stats.accepts == 3

    run(scenario)


def test_a_limit_of_connections() -> None:
    """A relay that allows one connection a key is healthy too."""

    async def scenario() -> None:
        async with relay(key_connections=1) as server:
            assert (await check(server.listeners.public.port, private_key=KEY)).codes == []

    run(scenario)


def test_two_relays_behind_one_address() -> None:
    """Packets between clients of different relays are not called lost: that is another fault."""

    async def scenario() -> None:
        async with relay() as one, relay() as other:
            ports = (one.listeners.public.port, other.listeners.public.port)
            async with middlebox(*ports) as port:
                said = await check(port, timeout_s=TIMEOUT_S)
        assert said.codes == ["TH029"]

    run(scenario)


# --- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refuse", ["hold", "close"])
@pytest.mark.parametrize("is_kept", [True, False], ids=["own key", "thrown away"])
def test_a_key_that_is_not_allowed(refuse: str, is_kept: bool, tmp_path: Path) -> None:
    """It is a note, whether the relay says why or just closes: the relay is well, and packets are not tested."""

    async def scenario() -> None:
        listed = allow_list(tmp_path, str(box.public_key(box.generate())))
        async with relay(allow_list=listed, refuse=refuse, refuse_text="Ask Ann.") as server:
            said = await check(server.listeners.public.port, private_key=KEY if is_kept else None)
        code = "TH401" if refuse == "hold" else "TH400"
        assert said.codes == [code]
        assert ("Ask Ann" in said.findings[code].what()) == (refuse == "hold")
        assert (f"`tailhub allow add {PUBLIC}`" in said.findings[code].remedy()) == is_kept
        assert (said.steps["login"].outcome, said.steps["login"].code) == (Outcome.OK, code)
        assert (said.steps["packets"].outcome, said.steps["packets"].code) == (Outcome.UNTESTED, code)
        assert str(said.steps["packets"].remark) == "not tested: this key is not allowed"

    run(scenario)


@pytest.mark.parametrize("refuse", ["hold", "close"])
def test_a_key_that_should_be_allowed(refuse: str, tmp_path: Path) -> None:
    """Of a key that somebody named as one that may relay it is an error."""

    async def scenario() -> None:
        listed = allow_list(tmp_path, str(box.public_key(box.generate())))
        async with relay(allow_list=listed, refuse=refuse) as server:
            said = await check(server.listeners.public.port, private_key=KEY, must_be_admitted=True)
        assert said.codes == ["TH409"]
        assert said.steps["login"].outcome is Outcome.FAIL

    run(scenario)


def test_one_key_is_allowed(tmp_path: Path) -> None:
    """Where no second key is let in, one sends to itself, and the step says so."""

    async def scenario() -> None:
        async with relay(allow_list=allow_list(tmp_path, PUBLIC)) as server:
            said = await check(server.listeners.public.port, private_key=KEY)
        assert said.codes == []
        assert (said.seen.packets.sent, said.seen.packets.received) == (30, 30)
        assert "from one key to itself" in str(said.steps["packets"].remark)

    run(scenario)


def test_what_the_relay_tells_its_users() -> None:
    """A notice is shown as a note, which makes nobody ill."""

    async def scenario() -> None:
        async with relay() as server:
            server.service.set_notices([Notice("Maintenance at noon.", 1.0)])
            said = await check(server.listeners.public.port)
        assert said.codes == ["TH413"]
        assert "Maintenance at noon" in said.findings["TH413"].what()
        assert said.steps["notice"].outcome is Outcome.OK

    run(scenario)


# --- logins that go wrong: a relay that does what is told stands in ---------------------------------------------------


async def _no_answer(session: Session) -> None:
    await session.log_in(admit=False)
    await session.until_closed()


async def _not_derp(session: Session) -> None:
    await session.read_request()
    session.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n", b"\x00" * 64)
    await session.until_closed()


async def _other_box(session: Session) -> None:
    await session.log_in(derp.serialize(FrameType.SERVER_INFO, bytes(80)), admit=False)
    await session.until_closed()


async def _closes_early(session: Session) -> None:
    await session.read_request()


@pytest.mark.parametrize(
    ("script", "end", "code"),
    [
        (_no_answer, LoginEnd.SILENT, "TH410"),
        (_not_derp, LoginEnd.BROKEN, "TH411"),
        (_other_box, LoginEnd.BROKEN, "TH411"),
        (_closes_early, LoginEnd.BROKEN, "TH411"),
    ],
)
def test_logins_that_go_wrong(script: Callable[[Session], object], end: LoginEnd, code: str) -> None:
    """No answer and an answer that is no DERP are errors, and apart; packets are not tested then."""

    async def scenario() -> None:
        async with scripted_relay(script) as port:  # type: ignore[arg-type]
            said = await check(port, tls=False, timeout_s=TIMEOUT_S / 3)
        assert said.seen.login.end is end
        assert said.codes == [code]
        assert (said.steps["packets"].outcome, said.steps["packets"].code) == (Outcome.UNTESTED, code)

    run(scenario)


def test_nobody_there_any_more() -> None:
    """A port that has been closed in between fails as a login, and raises nothing."""

    async def scenario() -> None:
        async with relay() as server:
            port = server.listeners.public.port
        said = await check(port)
        assert (said.seen.login.end, said.codes) == (LoginEnd.FAILED, ["TH411"])

    run(scenario)


# --- what becomes of packets: a proxy between plain DERP connections --------------------------------------------------


def _drops(every: int) -> Callable[[int, bytes], list[Frame]]:
    numbers = count()

    def edit(kind: int, body: bytes) -> list[Frame]:
        is_lost = kind == FrameType.RECV_PACKET and next(numbers) % every == 0
        return [] if is_lost else [(kind, body)]

    return edit


def _alters(kind: int, body: bytes) -> list[Frame]:
    return [(kind, body[:-1] + bytes([body[-1] ^ 1]) if kind == FrameType.RECV_PACKET else body)]


def _doubles(kind: int, body: bytes) -> list[Frame]:
    return [(kind, body)] * (2 if kind == FrameType.RECV_PACKET else 1)


def _drops_large(kind: int, body: bytes) -> list[Frame]:
    return [] if len(body) > 1300 else [(kind, body)]


def _drops_all(kind: int, body: bytes) -> list[Frame]:
    return [] if kind == FrameType.RECV_PACKET else [(kind, body)]


class _Overtakes:
    """Keeps every fourth packet back until the next one has gone."""

    def __init__(self) -> None:
        self._numbers = count()
        self._kept: list[Frame] = []

    def __call__(self, kind: int, body: bytes) -> list[Frame]:
        if kind == FrameType.RECV_PACKET and next(self._numbers) % 4 == 1:
            self._kept = [(kind, body)]
            return []
        kept, self._kept = self._kept, []
        return [(kind, body), *kept]


@pytest.mark.parametrize(
    ("edit", "code", "step"),
    [
        (_drops(10), "TH405", Outcome.WARNING),
        (_alters, "TH412", Outcome.FAIL),
        (_doubles, "TH412", Outcome.FAIL),
        (_Overtakes(), "TH412", Outcome.FAIL),
        (_drops_large, "TH402", Outcome.FAIL),
        (_drops_all, "TH414", Outcome.FAIL),
    ],
    ids=["drops", "alters", "doubles", "overtakes", "drops large", "drops all"],
)
def test_packets_that_do_not_come_as_they_were_sent(
    edit: Callable[[int, bytes], list[Frame]], code: str, step: Outcome
) -> None:
    """Lost, altered, doubled, overtaken, lost only if large, and lost altogether are told apart."""

    async def scenario() -> None:
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, down=frames(edit)) as port:
            said = await check(port, tls=False, timeout_s=TIMEOUT_S)
        assert said.codes == [code]
        assert said.steps["packets"].outcome is step

    run(scenario)


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_proxy_that_chokes_on_large_writes(way: str) -> None:
    """Large packets vanish with all that follows them; which way it was is told by a ping behind them."""

    async def scenario() -> None:
        ways: dict[str, Ship] = {way: chokes_on(1300)}
        # Without TLS: its handshake has more bytes than the proxy takes.
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, **ways) as port:
            said = await check(port, tls=False, timeout_s=TIMEOUT_S)
        assert said.codes == ["TH402"]
        assert said.seen.packets.stalled is (Way.TOWARDS if way == "up" else Way.FROM)
        assert said.steps["idle"].code == "TH402"

    run(scenario)


def test_a_proxy_that_collects() -> None:
    """Packets that come in lumps are told from those that are merely late."""

    async def scenario() -> None:
        async with relay() as server, middlebox(server.listeners.public.port, down=in_lumps(0.05)) as port:
            said = await check(port, packets=30)
        assert said.codes == ["TH403"]

    run(scenario)


def test_a_proxy_that_delays() -> None:
    """A delay that TCP's own round trip does not explain is told; on which way it is, nobody here can know."""

    async def scenario() -> None:
        async with relay() as server, middlebox(server.listeners.public.port, up=late(0.06)) as port:
            said = await check(port, packets=10)
        assert said.codes == ["TH406"]
        assert "Pings are late too" in said.findings["TH406"].what()

    run(scenario)


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "skipped"), [(RATE, ()), (1.0, (65_536,))])
def test_a_limit_that_the_relay_announces(rate: float, skipped: tuple[int, ...]) -> None:
    """The rate is told as a note, and kept to: a relay with a limit is neither lossy nor slow."""

    async def scenario() -> None:
        options = {"rate_limit_bytes_per_s": rate, "rate_burst_bytes": 65_600.0}
        async with relay(**options) as server:
            said = await check(server.listeners.public.port)
        assert said.codes == ["TH407"]
        assert said.seen.packets.skipped == skipped
        assert said.seen.packets.received == said.seen.packets.sent

    run(scenario)


# --- idle connections: real proxies before a relay without TLS --------------------------------------------------------

_NGINX = """
daemon off; master_process off; pid {directory}/nginx.pid; error_log stderr; events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_read_timeout 1s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""
_HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout tunnel 1s
frontend front
    bind 127.0.0.1:{port}
    default_backend relay
backend relay
    server relay 127.0.0.1:{behind}
"""
_CADDY = """
{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	reverse_proxy 127.0.0.1:{behind}
}}
"""


@contextlib.contextmanager
def front(name: str, behind: int, directory: Path) -> Iterator[int]:
    """A real proxy that cuts idle connections after a second, where it has such a limit; gives its port."""
    texts = {"nginx": _NGINX, "haproxy": _HAPROXY, "caddy": _CADDY}
    port, file = free_ports(), directory / "front"
    file.write_text(texts[name].format(directory=directory, port=port, behind=behind))
    commands = {
        "nginx": lambda: [require.nginx(), "-e", "stderr", "-c", str(file)],
        "haproxy": lambda: [require.haproxy(), "-db", "-f", str(file)],
        "caddy": lambda: [require.caddy(), "run", "--adapter", "caddyfile", "--config", str(file)],
    }
    process = ServerProcess(commands[name](), directory / "log", environ={"HOME": str(directory), "PATH": "/usr/bin"})
    try:
        process.wait_until(lambda: _listens(port), f"{name} listens")
        yield port
    finally:
        process.stop()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.mark.parametrize("name", ["nginx", "haproxy", "caddy"])
def test_a_connection_without_traffic(name: str, tmp_path: Path) -> None:
    """A proxy's limit for idle connections is found by waiting; what it passes on does not look collected."""

    async def scenario() -> None:
        async with relay(tls=False) as server:
            with front(name, server.listeners.public.port, tmp_path) as port:
                said = await check(port, tls=False, watch_s=0.3 if name == "caddy" else 10.0)
        if name == "caddy":  # it has no such limit
            assert said.codes == []
            assert said.steps["idle"].outcome is Outcome.OK
        else:
            assert said.codes == ["TH404"]
            assert said.steps["idle"].outcome is Outcome.WARNING

    run(scenario)


def test_a_connection_that_is_forgotten() -> None:
    """A way that dies without a word is found by the ping after the wait."""

    async def scenario() -> None:
        async with relay(tls=False) as server, middlebox(server.listeners.public.port, up=frames(_forgets())) as port:
            said = await check(port, tls=False, watch_s=0.1, timeout_s=TIMEOUT_S)
        assert said.codes == ["TH404"]
        assert "nothing comes back" in said.findings["TH404"].what()

    run(scenario)


def _forgets() -> Callable[[int, bytes], list[Frame]]:
    """Lets everything through but the pings that come after packets: a NAT that has forgotten the connection."""
    packets = count()

    def edit(kind: int, body: bytes) -> list[Frame]:
        is_late = kind == FrameType.PING and next(packets) >= 2 * 5 + 1  # one at login, five of each client
        return [] if is_late else [(kind, body)]

    return edit


# --- a path with two routers: network namespaces ----------------------------------------------------------------------

_CHECK = """
import asyncio, json, sys
from support.relaying import check
said = asyncio.run(check(8443, "10.3.0.2", packets=30, timeout_s=float(sys.argv[1])))
finding = next(iter(said.findings.values()), None)
print(json.dumps([said.codes, said.seen.packets.stalled.name, dict(finding.values) if finding else {}]))
"""


class Path3:
    """Client, router, router, relay; in between a small MTU, if asked for, and rules of nftables."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        client, near, far, server = (stack.enter_context(require.network_namespace()) for _ in range(4))
        self._client, self._near, self._far, self.server = client, near, far, server
        client.cable("e0", near, "c0")
        near.cable("m0", far, "m0")
        far.cable("s0", server, "e0")
        for place, address, interface in (
            (client, "10.1.0.2/24", "e0"),
            (near, "10.1.0.1/24", "c0"),
            (near, "10.2.0.1/24", "m0"),
            (far, "10.2.0.2/24", "m0"),
            (far, "10.3.0.1/24", "s0"),
            (server, "10.3.0.2/24", "e0"),
        ):
            place.ip("address", "add", address, "dev", interface)
        for place, network, router in (
            (client, "default", "10.1.0.1"),
            (near, "10.3.0.0/24", "10.2.0.2"),
            (far, "10.1.0.0/24", "10.2.0.1"),
            (server, "default", "10.3.0.1"),
        ):
            place.ip("route", "add", network, "via", router)
        for router in (near, far):
            _in(router, "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def check(
        self, hook: str, rule: str, mtu: int = 1500, timeout_s: float = 5.0
    ) -> tuple[list[str], str, dict[str, object]]:
        """What is found when the client's router drops by this rule and has this MTU behind it.

        Codes, the way on which it stalls, and the finding's values.
        """
        for router in (self._near, self._far):
            router.ip("link", "set", "m0", "mtu", str(mtu))
        chain = f"add table inet t; add chain inet t c {{ type filter hook {hook} priority 0; }}"
        _in(self._near, "nft", f"flush ruleset; {chain}; add rule inet t c {rule} drop")
        codes, stalled, values = json.loads(_in(self._client, sys.executable, "-c", _CHECK, str(timeout_s)))
        return codes, stalled, values


def _in(namespace: NetworkNamespace, *command: str) -> str:
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        (*namespace.prefix, *command), capture_output=True, text=True, timeout=60, check=False, env=paths
    )
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def path() -> Iterator[Path3]:
    if shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        require.missing("netns", "nft (Debian: nftables) is not here")
    with contextlib.ExitStack() as stack:
        made = Path3(stack)
        options = ("--no-discover", "--listen", "10.3.0.2:8443", "--stun-listen", "off", "--admin-listen", "off")
        stack.enter_context(RelayProcess(*options, defaults=(), prefix=made.server.prefix))
        yield made


def test_a_path_with_a_small_mtu_and_no_icmp(path: Path3) -> None:
    """Login works, and packets of 1,400 bytes vanish: the client never learns that it should send less at once."""
    codes, stalled, _ = path.check("output", "icmp type destination-unreachable", mtu=1400, timeout_s=TIMEOUT_S)
    assert (codes, stalled) == (["TH402"], "TOWARDS")


def test_a_path_that_eats_large_packets_on_the_way_back(path: Path3) -> None:
    """The same from the relay to the client is told apart."""
    codes, stalled, _ = path.check("forward", "ip saddr 10.3.0.2 meta length > 1440", timeout_s=TIMEOUT_S)
    assert (codes, stalled) == (["TH402"], "FROM")


@pytest.mark.parametrize(("source", "tells"), [("10.1.0.2", "resent"), ("10.3.0.2", "stalls")])
def test_a_path_that_loses_segments(path: Path3, source: str, tells: str) -> None:
    """TCP brings them all in the end; what it tells says on which way they were lost."""
    codes, _, values = path.check("forward", f"ip saddr {source} meta length > 100 numgen inc mod 10 0")
    assert codes == ["TH405"]
    assert [name for name in ("resent", "stalls") if values[name]] == [tells]
    assert values["lost"] == 0
