"""Web servers and proxies with the files in ``deploy/``, in a network namespace of their own.

In it every port is free, so that the files need no other ports: only the paths in them are replaced, and loopback's
address where all is to be IPv6. `FrontWorld.address` is the machine's to its clients; what comes from there has it as
its source too, and a proxy reaches the relay from loopback, so the two can be told apart.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import trustme

from support.netns import NetworkNamespace
from support.server_process import ServerProcess, until

DEPLOY = Path(__file__).parents[2] / "deploy"
FRONTS = {4: "10.99.0.1", 6: "2001:db8:99::1"}  # the machine's address to its clients, by IP version
_LOOPBACK = re.compile(r"127\.0\.0\.1(:\d+)?")
_SETTING = re.compile(r"^#   (\w+ = .+)$", re.MULTILINE)


class FrontWorld:
    """A namespace with an address, certificates for the names in the files, and a CA that is in ``ca.pem``.

    Clients come by IP `version`, proxies to the relay and on to web servers by IP version `behind`: the files have 4.
    """

    def __init__(self, namespace: NetworkNamespace, directory: Path, version: int = 4, behind: int = 4) -> None:
        self.address = FRONTS[version]
        self._behind = behind
        self.prefix = namespace.prefix
        self.directory = directory
        self.ca = directory / "ca.pem"
        namespace.ip("address", "add", self.address, "dev", "lo", *(("nodad",) if version == 6 else ()))
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca)
        self.paths: dict[str, str] = {}
        for name in ("derp.example.com", "www.example.com"):
            pair = authority.issue_cert(name)
            own = directory / name
            own.mkdir()
            chain, key, both = own / "fullchain.pem", own / "privkey.pem", own / f"{name}.pem"
            for blob in pair.cert_chain_pems:
                blob.write_to_path(chain, append=True)
            pair.private_key_pem.write_to_path(key)
            pair.private_key_and_cert_chain_pem.write_to_path(both)
            self.paths |= {f"/etc/ssl/{name}": str(own), f"/etc/haproxy/certs/{name}.pem": str(both)}

    def run(self, *command: str, **options: object) -> str:
        """Run a command in the namespace; what it writes."""
        done = subprocess.run(
            (*self.prefix, *command), capture_output=True, text=True, timeout=60, check=False, **options
        )  # type: ignore[call-overload]
        assert done.returncode == 0, done
        return str(done.stdout)

    def shipped(self, name: str, also: Mapping[str, str] | None = None) -> Path:
        """A copy of a file of ``deploy/`` with the paths of this world."""
        text = (DEPLOY / name).read_text(encoding="utf-8")
        for there, here in (self.paths | dict(also or {})).items():
            text = text.replace(there, here)
        copy = self.directory / name.replace("/", "-")
        copy.write_text(self._loopback(text), encoding="utf-8")
        return copy

    def relay_file(self, name: str) -> Path:
        """The configuration of the relay that a file of ``deploy/`` names."""
        settings = _SETTING.findall((DEPLOY / name).read_text(encoding="utf-8"))
        assert settings, name
        file = self.directory / "tailhub.toml"
        file.write_text(self._loopback("\n".join(settings)) + "\n", encoding="utf-8")
        return file

    def _loopback(self, text: str) -> str:
        """Text with the loopback address that is in use: ``[::1]:443``, and ``::1`` where no port follows."""
        if self._behind == 4:
            return text
        return _LOOPBACK.sub(lambda match: f"[::1]{match[1]}" if match[1] else "::1", text)

    @contextlib.contextmanager
    def running(self, command: Sequence[str], listens: int = 443) -> Iterator[None]:
        """Run a server in the namespace, which is up when it listens on that port."""
        said = self.directory / f"{Path(command[0]).name}.log"
        environment = {"HOME": str(self.directory), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        process = ServerProcess((*self.prefix, *command), said, environ=environment)
        try:
            process.wait_until(lambda: f":{listens} " in self.run("ss", "-Hltn"), f"{command[0]} listens")
            yield
        finally:
            process.stop()

    # --- commands -----------------------------------------------------------------------------------------------------

    def nginx(self, program: str, site: Path, *, stream: bool = False) -> list[str]:
        """Nginx with a site in ``http { }``, or with a file beside it that has a ``stream { }``."""
        return nginx_command(program, self.directory, site, stream=stream)


def nginx_command(program: str, directory: Path, site: Path, *, stream: bool = False) -> list[str]:
    """How nginx is started with such a file; all that it writes goes into the directory."""
    modules = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    main = directory / "nginx.conf"
    temporary = "".join(
        f"{what}_temp_path {directory}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    inside = "" if stream else f"include {site};"
    main.write_text(
        (f"load_module {modules};\n" if stream and modules.exists() else "")
        + f"daemon off; user root; worker_processes 1; pid {directory}/nginx.pid; error_log stderr;\n"
        + "events {}\n"
        + f"http {{ access_log off; {temporary} {inside} }}\n"
        + (f"include {site};\n" if stream else "")
    )
    return [program, "-e", "stderr", "-c", str(main)]


def wait_for_line(file: Path, pattern: str) -> str:
    """The first line in a growing file that the pattern finds."""

    def found() -> str | None:
        lines = file.read_text().splitlines() if file.exists() else []
        return next((line for line in lines if re.search(pattern, line)), None)

    return until(found, f"a line like {pattern}", lambda: file.read_text() if file.exists() else str(time.time()))
