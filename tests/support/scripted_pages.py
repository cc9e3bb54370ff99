"""The process of the operator's pages as it is, with a scripted relay (`support.scripted_world`) at its channel."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from support.scripted_world import ScriptedWorld
from tailhub.admin.feed import (
    ActionAnswer,
    ActionRequest,
    ClientsCame,
    ClientsCounted,
    EventsCame,
    PairsUsed,
    Part,
    SnapshotEnd,
    SnapshotRequest,
    ValuesCame,
)
from tailhub.admin.handover import Inherited, make_pair

TOKEN = "operator-token-of-the-tests"
PIECE = 200  # rows of a message
LIMIT_S = 20.0


class ScriptedPages:
    """Serves `world` on a free port of loopback while it is in a ``with``. `clock` is the world's time."""

    def __init__(self, world: ScriptedWorld, clock: Any = time.time) -> None:
        self.world = world
        self._clock = clock
        self._directory = tempfile.TemporaryDirectory(prefix="tailhub-")
        (Path(self._directory.name) / "operator.token").write_text(TOKEN)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._channel, theirs = socket.socketpair()
        self._handover, taking = make_pair()
        inherited = Inherited(theirs.fileno(), taking.fileno(), (self._listener.fileno(),))
        words = [sys.executable, "-m", "tailhub.admin", *inherited.arguments()]
        environ = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(words, pass_fds=inherited.all, env=environ)
        theirs.close()
        taking.close()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._directory.cleanup()

    def stop(self) -> None:
        """End it as when the relay is gone: by its channel."""
        if self._listener.fileno() < 0:
            return
        self._channel.shutdown(socket.SHUT_RDWR)
        self._thread.join(LIMIT_S)
        self._process.wait(LIMIT_S)
        self._channel.close()
        self._handover.close()
        self._listener.close()

    # --- the relay's end ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._send(self.world.facts(self._clock(), self._directory.name))
            with self._channel.makefile("rb") as stream:
                while head := stream.read(4):
                    self._answer(pickle.loads(stream.read(int.from_bytes(head))))
        except OSError:  # it has ended
            pass

    def _send(self, message: object) -> None:
        body = pickle.dumps(message)
        self._channel.sendall(len(body).to_bytes(4) + body)

    def _answer(self, message: Any) -> None:
        now = self._clock()
        if isinstance(message, ActionRequest):
            asked = (message.method, message.path, message.query, message.body, message.caller)
            status, body = self.world.act(*asked, now)
            self._send(ActionAnswer(message.number, status, body))
        elif isinstance(message, SnapshotRequest):
            self._snapshot(message, now)

    def _snapshot(self, asked: SnapshotRequest, now: float) -> None:
        devices = self.world.devices
        if events := self.world.events(now):
            self._send(EventsCame(events))
        self._send(ValuesCame(self.world.values(now)))
        if Part.FACTS in asked.parts:
            self._send(self.world.facts(now, self._directory.name))
        if Part.CLIENTS in asked.parts:
            if not getattr(self, "_has_told", False):
                self._has_told = True
                for first in range(0, len(devices), PIECE):
                    self._send(ClientsCame([device.row() for device in devices[first : first + PIECE]]))
            for first in range(0, len(devices), PIECE):
                self._send(ClientsCounted([device.counts(now) for device in devices[first : first + PIECE]]))
        if Part.PAIRS in asked.parts:
            self._send(PairsUsed(self.world.pairs(now)))
        self._send(SnapshotEnd(asked.number, now))
