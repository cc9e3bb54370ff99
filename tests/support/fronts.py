"""Web servers and proxies with the files in ``deploy/``, in a network namespace of their own.

In it every port is free, so that the files need no other ports: only the paths in them are replaced. `FRONT` is the
machine's address to its clients; what comes from there has it as its source too, and a proxy reaches the relay from
127.0.0.1, so the two can be told apart.
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
FRONT = "10.99.0.1"
_SETTING = re.compile(r"^#   (\w+ = .+)$", re.MULTILINE)


class FrontWorld:
    """A namespace with an address, certificates for the names in the files, and a CA that is in ``ca.pem``."""

    def __init__(self, namespace: NetworkNamespace, directory: Path) -> None:
        self.prefix = namespace.prefix
        self.directory = directory
        self.ca = directory / "ca.pem"
        self.run("ip", "address", "add", f"{FRONT}/32", "dev", "lo")
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
        copy.write_text(text, encoding="utf-8")
        return copy

    def relay_file(self, name: str) -> Path:
        """The configuration of the relay that a file of ``deploy/`` names."""
        settings = _SETTING.findall((DEPLOY / name).read_text(encoding="utf-8"))
        assert settings, name
        file = self.directory / "tailhub.toml"
        file.write_text("\n".join(settings) + "\n", encoding="utf-8")
        return file

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
        modules = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        main = self.directory / "nginx.conf"
        temporary = "".join(
            f"{what}_temp_path {self.directory}/{what};"
            for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        inside = "" if stream else f"include {site};"
        main.write_text(
            (f"load_module {modules};\n" if stream and modules.exists() else "")
            + f"daemon off; user root; worker_processes 1; pid {self.directory}/nginx.pid; error_log stderr;\n"
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
