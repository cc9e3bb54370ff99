"""A real PostgreSQL, private to a test: a cluster of its own in a temporary directory, on loopback and a unix socket.

As root it runs as the user ``postgres`` or ``nobody``, because PostgreSQL refuses root. It does not sync to the disk.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import psutil

from support.certificates import Made
from support.ports import free_ports
from support.server_process import ServerProcess

USER, PASSWORD = "tailhub", "a-secret-word"


class Postgres:
    """A running server; use it in a ``with``. `programs` is the directory with ``initdb`` and ``postgres``.

    `user` may do everything; with `tls` it shows this certificate to whoever wants TLS.
    """

    def __init__(self, programs: Path, *, user: str = USER, tls: Made | None = None) -> None:
        self._programs = programs
        self._user = user
        self._directory = tempfile.TemporaryDirectory(prefix="pg-")  # short: it is part of a socket's name
        self._home = Path(self._directory.name)
        self.port = free_ports()
        self._prefix: list[str] = []
        self._count = 0
        self._options: list[str] = []
        certificate, key = self._home / "server.crt", self._home / "server.key"
        if tls is not None:
            certificate.write_bytes(tls.pem)
            key.touch(0o600)
            key.write_bytes(tls.key_pem)
            self._options = ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={key}"]
        if os.geteuid() == 0:
            account = _unprivileged()
            for path in (self._home, *self._home.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
            setpriv = shutil.which("setpriv") or "setpriv"
            self._prefix = [setpriv, f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]
        secret = self._home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["-U", user, "--pwfile", str(secret), "--auth-host=scram-sha-256", "--auth-local=trust"]
        make = [*self._prefix, str(programs / "initdb"), "-D", str(self._data), *options, "--no-sync", "-E", "UTF8"]
        done = subprocess.run([*make, "--locale=C"], capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def _data(self) -> Path:
        return self._home / "data"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._directory.cleanup()

    def start(self) -> None:
        """Start it; it answers when this returns."""
        options = ["-D", str(self._data), "-p", str(self.port), "-k", str(self._home), "-F", *self._options]
        command = [*self._prefix, str(self._programs / "postgres"), *options, "-c", "listen_addresses=127.0.0.1"]
        self._process = ServerProcess(command, self._home / "log", environ={"PATH": os.defpath}, directory=Path("/"))
        self._process.wait_until(self._answers, "PostgreSQL answers")

    def stop(self) -> None:
        """Let it be gone, and its clients' connections with it."""
        self._process.stop(signal.SIGINT)

    def freeze(self) -> None:
        """Let it take what is sent, and answer nothing, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        process = psutil.Process(self._process.pid)
        for one in (process, *process.children(recursive=True)):
            one.send_signal(number)

    @property
    def environ(self) -> dict[str, str]:
        """By what its programs reach it as the user that may do everything."""
        return {"PGHOST": str(self._home), "PGPORT": str(self.port), "PGUSER": self._user}

    def database(self) -> str:
        """The URL of a new database."""
        self._count += 1
        name = f"tailhub{self._count}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str, user: str = USER, password: str = PASSWORD) -> str:
        """The URL of a database, over loopback."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{name}"

    def execute(self, database: str, statement: str) -> list[Any]:
        """Run a statement, over the unix socket; its rows."""
        import asyncpg

        async def run() -> list[Any]:
            connection = await asyncpg.connect(host=str(self._home), port=self.port, user=self._user, database=database)
            try:
                rows: list[Any] = await connection.fetch(statement)
                return rows
            finally:
                await connection.close()

        return asyncio.run(run())

    def _answers(self) -> bool:
        done = subprocess.run(
            [self._programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)], capture_output=True
        )
        return done.returncode == 0


def _unprivileged() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
