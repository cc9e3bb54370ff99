"""Who answers `GET /derp`, as `tailhub doctor` tells it from outside.

=====  ============================================  ================================================  =================
fault  what                                          produced by                                       code
=====  ============================================  ================================================  =================
7      another web server                            nginx with a page; written answers of others      TH026
8      several relays behind one address             HAProxy over two relays, one a process            TH029
8      the same at the addresses of a name           127.0.0.1 and 127.0.0.2                           TH029
16     no meta certificate                           the files of deploy/, whose proxies end TLS       TH025, a note
18     the upgrade is eaten: 400, 404, 426, HTML     nginx, HAProxy, Caddy, Traefik, each wrongly set  TH027
18     502, 503                                      the same with nothing behind them                 TH028
-      several certificates, one pin                 a server that shows them in turn                  TH398
-      a meta certificate of another key             made certificate                                  TH395
-      a fast start that a proxy cannot keep         HAProxy, Caddy with the relay's meta certificate  TH399
-      no answer, no HTTP                            a server that says so                             TH396
-      /derp/latency-check is upgraded               a written answer                                  TH397
=====  ============================================  ================================================  =================

Relays are tailhub's own, in this process; proxies are real. Apache, Cloudflare and the panel 宝塔 (BT) are not here:
answers of theirs, written down, stand in.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

from support import require
from support.certificates import Made, make_certificate, make_meta_certificate, server_context
from support.fronts import DEPLOY, nginx_command
from support.outside import Said, examined, mapped
from support.ports import free_ports
from support.relay_process import RelayProcess
from support.served import PRIVATE_KEY, serving
from support.server_process import ServerProcess
from support.waiting import run
from support.web_answers import answering, page
from tailhub import box
from tailhub.findings import Severity
from tailhub.keys import NodePrivate
from tailhub.server.fronts import Front
from tailhub.tools.doctor.outside import examine
from tailhub.tools.doctor.seen import Options
from tailhub.tools.report import Report

NAME = "derp.example.com"
OTHER_KEY = NodePrivate(bytes(range(2, 34)))
PLAIN = Front(tls=False)


@cache
def root() -> Made:
    return make_certificate(common_name="Test Root", is_ca=True)


@cache
def leaf() -> Made:
    return make_certificate(dns_names=[NAME], issuer=root())


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the shipped configurations name, and a store with their CA."""
    (tmp_path / "roots.pem").write_bytes(root().pem)
    (tmp_path / "fullchain.pem").write_bytes(leaf().pem)
    (tmp_path / "privkey.pem").write_bytes(leaf().key_pem)
    (tmp_path / "both.pem").write_bytes(leaf().key_pem + leaf().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    return tmp_path


class Proxy:
    """How a proxy is run with its shipped file, changed by `change`, on a port of its own."""

    def __init__(self, name: str, file: str, command: Callable[[Path, Path], Sequence[str]]) -> None:
        self.name = name
        self._file = file
        self._command = command

    @asynccontextmanager
    async def running(
        self, directory: Path, relay: int, change: Callable[[str], str] = lambda text: text
    ) -> AsyncIterator[int]:
        """Run it before the relay at that port; gives its own."""
        port, text = free_ports(), change((DEPLOY / self._file).read_text(encoding="utf-8"))
        for there, here in (
            (f"/etc/ssl/{NAME}", str(directory)),
            (f"/etc/haproxy/certs/{NAME}.pem", str(directory / "both.pem")),
            ("    listen [::]:443 ssl;\n", ""),
            ("listen 443 ", f"listen 127.0.0.1:{port} "),
            ("bind :443,[::]:443 v6only ", f"bind 127.0.0.1:{port} "),
            (f"\n{NAME} {{", f"\nhttps://{NAME}:{port} {{"),
            ("127.0.0.1:8080", f"127.0.0.1:{relay}"),
        ):
            text = text.replace(there, here)
        file = directory / Path(self._file).name
        file.write_text(text, encoding="utf-8")
        if self.name == "traefik":
            static = (DEPLOY / "traefik/traefik.yml").read_text(encoding="utf-8")
            static = static.replace(":443", f"127.0.0.1:{port}").replace("/etc/traefik/tailhub.yml", str(file))
            (directory / "static.yml").write_text(static, encoding="utf-8")
        async with running(self._command(directory, file), directory, lambda: shows_certificate(port)):
            yield port


@asynccontextmanager
async def running(command: Sequence[str], directory: Path, is_up: Callable[[], bool]) -> AsyncIterator[None]:
    """Run a server program."""
    environment = {"HOME": str(directory), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    process = ServerProcess(command, directory / "log", environ=environment, directory=directory)
    try:
        await asyncio.to_thread(process.wait_until, is_up, "it is up")
        yield
    finally:
        # Traefik waits for its goodbyes; nginx would leave its workers behind, if it had no time for them.
        await asyncio.to_thread(process.stop, signal.SIGKILL if "traefik" in command[0] else signal.SIGTERM)


def is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def shows_certificate(port: int) -> bool:
    """Traefik listens before it has read its routes."""
    context = ssl.create_default_context(cadata=root().pem.decode())
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=1) as plain,
        context.wrap_socket(plain, server_hostname=NAME),
    ):
        return True
    return False


PROXIES = {
    proxy.name: proxy
    for proxy in (
        Proxy("nginx", "nginx/upgrade.conf", lambda place, file: nginx_command(require.nginx(), place, file)),
        Proxy("haproxy", "haproxy/upgrade.cfg", lambda _, file: [require.haproxy(), "-db", "-f", str(file)]),
        Proxy(
            "caddy",
            "caddy/Caddyfile",
            lambda _, file: [require.caddy(), "run", "--adapter", "caddyfile", "--config", str(file)],
        ),
        Proxy(
            "traefik", "traefik/upgrade.yml", lambda place, _: [require.traefik(), f"--configfile={place}/static.yml"]
        ),
    )
}


def examine_behind(
    proxy: Proxy, directory: Path, change: Callable[[str], str] = lambda text: text, timeout_s: float = 5.0
) -> Said:
    """What is said of a relay without TLS behind that proxy."""

    async def scenario() -> Said:
        async with serving(front=PLAIN) as relay, proxy.running(directory, relay.port, change) as port:
            return await examined(mapped(port, NAME), timeout_s=timeout_s)

    return run(scenario)


# --- a front that works -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROXIES)
def test_a_front_as_documented_is_well(name: str, directory: Path) -> None:
    """A proxy that ends TLS with the file that we ship works: that the meta certificate is missing is a note."""
    said = examine_behind(PROXIES[name], directory)
    assert said.codes == ["TH025"]
    assert [finding.severity for finding in said.judgement.findings] == [Severity.NOTE]
    assert said.step("upgrade") == ("ok", "TH025")
    assert said.step("relays") == ("ok", "")
    assert said.seen.http.is_upgraded


# --- the upgrade is eaten ---------------------------------------------------------------------------------------------


def without_upgrade(text: str) -> str:
    """Nginx as most people begin: it passes requests on, and no upgrade."""
    return re.sub(r"^ +proxy_(http_version|set_header (Upgrade|Connection)) .*\n", "", text, flags=re.MULTILINE)


def own_page_for_derp(answer: str) -> Callable[[str], str]:
    """Nginx that answers `/derp` itself and passes all else on."""
    return lambda text: text.replace("    location / {", f"    location = /derp {{ {answer} }}\n    location / {{")


EATEN: list[tuple[str, Callable[[str], str], int, str]] = [
    ("nginx", without_upgrade, 426, "proxy_set_header Upgrade $http_upgrade"),
    ("nginx", own_page_for_derp("return 404;"), 404, "proxy_set_header Upgrade $http_upgrade"),
    ("nginx", own_page_for_derp("return 400;"), 400, "proxy_set_header Upgrade $http_upgrade"),
    (
        "nginx",
        own_page_for_derp('default_type text/html; return 200 "<title>Welcome</title>";'),
        200,
        "proxy_set_header Upgrade $http_upgrade",
    ),
    (
        "haproxy",
        lambda text: text.replace("    use_backend", "    http-request del-header upgrade\n    use_backend"),
        426,
        "It has to pass the headers",
    ),
    (
        "caddy",
        lambda text: re.sub(r"(reverse_proxy \S+)", r"\1 {\n\t\theader_up -Upgrade\n\t}", text),
        426,
        "`header_up`",
    ),
    (
        "traefik",
        lambda text: text.replace("      tls: {}\n", "      tls: {}\n      middlewares: [plain]\n").replace(
            "  services:", '  middlewares:\n    plain: {headers: {customRequestHeaders: {Upgrade: ""}}}\n  services:', 1
        ),
        426,
        "It has to pass the headers",
    ),
]


@pytest.mark.parametrize(
    ("name", "change", "status", "remedy"), EATEN, ids=[f"{name} {status}" for name, _, status, _ in EATEN]
)
def test_a_proxy_eats_the_upgrade(
    name: str, change: Callable[[str], str], status: int, remedy: str, directory: Path
) -> None:
    """The relay's plain pages come through, the upgrade does not: which proxy it is, and its own remedy."""
    said = examine_behind(PROXIES[name], directory, change)
    assert said.codes == ["TH027"]
    assert said.seen.http.answer is not None
    assert said.seen.http.answer.status == status
    assert remedy in said.text()
    assert [step.name for step in said.judgement.steps] == ["tls", "dates", "certificate", "upgrade"]


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (page("404 Not Found", "<address>Apache/2.4.57 (Debian) Server</address>", Server="Apache"), "upgrade=ANY"),
        (page("400 Bad Request", "", Server="cloudflare", CF_RAY="1"), "grey cloud"),
        (
            page("404 Not Found", "<h1>没有找到站点</h1><a href='https://www.bt.cn'>BT</a>", Server="nginx"),
            "In the panel",
        ),
    ],
    ids=["Apache", "Cloudflare", "BT"],
)
def test_another_proxy_eats_the_upgrade(answer: bytes, remedy: str) -> None:
    """A proxy that is told by an answer of its kind, in front of what repeats the challenge as a relay does."""
    echo = page("204 No Content", X_Tailscale_Response="response tailhub-doctor")

    async def scenario() -> Said:
        async with answering(server_context(leaf()), {"/derp": answer, "*": echo}) as port:
            return await examined(mapped(port, NAME, leaf().pin))

    said = run(scenario)
    assert said.codes == ["TH027"]
    assert remedy in said.text()


# --- no relay ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "status"), [("nginx", 502), ("haproxy", 503), ("caddy", 502), ("traefik", 502)])
def test_nothing_behind_a_proxy(name: str, status: int, directory: Path) -> None:
    """The relay does not run, and the proxy says so."""

    async def scenario() -> Said:
        async with PROXIES[name].running(directory, free_ports()) as port:
            return await examined(mapped(port, NAME))

    said = run(scenario)
    assert said.codes == ["TH028"]
    assert said.seen.http.answer is not None
    assert said.seen.http.answer.status == status


def test_another_web_server(directory: Path) -> None:
    """An nginx that knows nothing of a relay."""

    def web_page(text: str) -> str:
        start = text.index("    location / {")
        return text[:start] + "    location / { root html; }\n}\n"

    said = examine_behind(PROXIES["nginx"], directory, web_page)
    assert said.codes == ["TH026"]
    assert "It calls itself nginx" in said.text()


@pytest.mark.parametrize("name", ["haproxy", "traefik"])
def test_a_proxy_that_does_not_know_the_name(name: str, directory: Path) -> None:
    """A proxy that has no route for the relay's name is another web server."""

    def other_name(text: str) -> str:
        return text.replace(NAME, "www.example.com").replace("/www.example.com", f"/{NAME}")

    async def scenario() -> Said:
        async with serving(front=PLAIN) as relay, PROXIES[name].running(directory, relay.port, other_name) as port:
            return await examined(mapped(port, NAME))

    said = run(scenario)
    assert said.codes == ["TH028" if name == "haproxy" else "TH026"]


@pytest.mark.parametrize(
    ("answer", "code", "remedy"),
    [
        (page("200 OK", "<title>没有找到站点</title>", Server="nginx"), "TH026", "In the panel"),
        (page("200 OK", "<h1>It works!</h1>", Server="Apache/2.4.57"), "TH026", "pass the relay's name on"),
        (page("403 Forbidden", "error code: 1003", Server="cloudflare"), "TH026", "grey cloud"),
        (page("200 OK", "<title>Router</title>"), "TH026", "sudo ss -ltnp"),
        (page("521 Origin Down", "", Server="cloudflare"), "TH028", "grey cloud"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "TH396", "what comes is not HTTP"),
        (b"", "TH396", "the connection is closed"),
    ],
    ids=["BT", "Apache", "Cloudflare", "a router", "Cloudflare, nothing behind", "SSH inside TLS", "closed"],
)
def test_what_else_may_answer(answer: bytes, code: str, remedy: str) -> None:
    """Servers of all kinds that are no relays."""

    async def scenario() -> Said:
        async with answering(server_context(leaf()), {"*": answer}) as port:
            return await examined(mapped(port, NAME, leaf().pin))

    said = run(scenario)
    assert said.codes == [code]
    assert remedy in said.text()


def test_nothing_is_answered() -> None:
    """A server that takes the request and says nothing is waited for with a limit."""

    async def scenario() -> Said:
        async with answering(server_context(leaf()), {}) as port:
            return await examined(mapped(port, NAME, leaf().pin), timeout_s=0.2)

    said = run(scenario)
    assert said.codes == ["TH396"]
    assert "nothing comes" in said.text()


def test_the_check_page_is_upgraded() -> None:
    """A server that answers 101 on /derp/latency-check, for which clients without UDP wait for ever."""
    switch = page("101 Switching Protocols", Upgrade="DERP", Connection="Upgrade")

    async def scenario() -> Said:
        async with answering(server_context(leaf()), {"*": switch}) as port:
            return await examined(mapped(port, NAME, leaf().pin))

    said = run(scenario)
    assert said.step("check_page") == ("fail", "TH397")


def test_a_meta_certificate_of_another_key() -> None:
    """A front that shows a copy of another relay's meta certificate: clients' logins cannot be read."""
    context = server_context(leaf(), make_meta_certificate(bytes(range(32))))

    async def scenario() -> Said:
        async with serving(tls=context) as relay:
            return await examined(mapped(relay.port, NAME, leaf().pin))

    assert run(scenario).codes == ["TH395"]


@pytest.mark.parametrize("name", ["haproxy", "caddy"])
def test_a_fast_start_through_a_proxy(name: str, directory: Path) -> None:
    """A front that shows the relay's own meta certificate promises what HTTP cannot keep: an error, or silence."""
    meta = make_meta_certificate(box.public_key(PRIVATE_KEY).raw)
    for file in ("fullchain.pem", "both.pem"):
        with (directory / file).open("ab") as stream:
            stream.write(meta.pem)
    said = examine_behind(PROXIES[name], directory, timeout_s=1)
    assert said.codes == ["TH399"]
    assert said.seen.http.is_upgraded


# --- several relays ---------------------------------------------------------------------------------------------------

BALANCER = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen relays
    bind 127.0.0.1:{port}
    balance roundrobin
"""


@pytest.fixture(scope="module")
def second() -> Iterator[RelayProcess]:
    """Another relay, whose port is free at 127.0.0.1."""
    with RelayProcess("--listen", f"127.0.0.2:{free_ports()}") as relay:
        yield relay


@asynccontextmanager
async def balanced(directory: Path, port: int, *relays: str) -> AsyncIterator[None]:
    """HAProxy at that port of 127.0.0.1 that gives each of these the next connection."""
    servers = "".join(f"    server s{number} {relay}\n" for number, relay in enumerate(relays))
    file = directory / "balancer.cfg"
    file.write_text(BALANCER.format(port=port) + servers)
    async with running([require.haproxy(), "-db", "-f", str(file)], directory, lambda: is_open(port)):
        yield


def test_several_relays_behind_a_balancer(directory: Path, second: RelayProcess) -> None:
    """Two relays of which each knows only its own clients: that is the cause, not the pin of one of them."""
    port = free_ports()

    async def scenario() -> Said:
        async with (
            serving(tls=server_context(leaf())) as first,
            balanced(directory, port, f"127.0.0.1:{first.port}", f"127.0.0.2:{second.port}"),
        ):
            return await examined(mapped(port, cert_name=second.pin))

    said = run(scenario)
    assert said.codes in (["TH029"], ["TH025", "TH029"])  # one of them shows no meta certificate
    assert said.step("relays") == ("fail", "TH029")
    assert said.step("pin") == ("fail", "TH029")
    assert "could not be tried" not in said.text()


def test_several_relays_at_the_addresses_of_a_name(directory: Path, second: RelayProcess) -> None:
    """Behind all addresses that clients dial has to be one relay; the first of them is always the same here."""

    async def scenario() -> Said:
        async with (
            serving(tls=server_context(leaf())) as first,
            balanced(directory, second.port, f"127.0.0.1:{first.port}"),
        ):
            return await examined(mapped(second.port, cert_name=leaf().pin), also=("127.0.0.2",))

    said = run(scenario)
    assert said.codes == ["TH025", "TH029"]
    assert said.step("pin") == ("fail", "TH029")
    assert [one.address for one in said.seen.http.connections] == [*["127.0.0.1"] * 4, "127.0.0.2"]


def test_several_certificates(directory: Path) -> None:
    """One relay behind two servers that end TLS, each with a certificate of its own: the pin is one's."""
    switch = page("101 Switching Protocols", Upgrade="DERP", Connection="Upgrade", Derp_Public_Key="ab" * 32)
    other = make_certificate(dns_names=[NAME])
    contexts = itertools.cycle([server_context(leaf()), server_context(other)])
    shown = server_context(leaf())

    def choose(ssl_object: ssl.SSLObject, *_: object) -> None:
        ssl_object.context = next(contexts)

    shown.sni_callback = choose

    async def scenario() -> Said:
        async with answering(shown, {"/derp": switch, "*": page("200 OK")}) as port:
            return await examined(mapped(port, NAME, leaf().pin))

    said = run(scenario)
    assert said.step("pin") == ("fail", "TH398")
    assert said.step("relays") == ("ok", "")


# --- one fault, one error ---------------------------------------------------------------------------------------------


def test_one_fault_is_one_error() -> None:
    """What fails because of a certificate, or of who answers, is no further error, up to the last packet."""
    leaf = make_certificate(valid_to_days=3650)
    other = server_context(leaf, make_meta_certificate(bytes(range(32))))
    web = {
        "TH026": page("404 Not Found", Server="nginx"),
        "TH028": page("502 Bad Gateway", Server="nginx"),
        "TH396": b"",
    }

    async def scenario() -> dict[str, Report]:
        async with AsyncExitStack() as stack:
            ports = {"TH395": (await stack.enter_async_context(serving(tls=other))).port}
            for code, answer in web.items():
                ports[code] = await stack.enter_async_context(answering(server_context(leaf), {"*": answer}))
            options = Options(timeout_s=2, packets=2)
            targets = (mapped(port, cert_name=leaf.pin) for port in ports.values())
            reports = await asyncio.gather(*(examine(target, options) for target in targets))
            return dict(zip(ports, reports, strict=True))

    for code, report in run(scenario).items():
        assert [one.code for one in report.findings if one.severity is Severity.ERROR] == [code]
        steps = {step.name: step.code for step in report.steps}
        assert (steps["upgrade"], steps["login"], steps["packets"]) == (code, code, code)
