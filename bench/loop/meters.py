"""What a turn of the relay's loop costs, in units that a busy machine does not change; see `bench.loop.lockstep`.

- *calls*: Python functions of tailhub that are called, and functions in C that they call;
- *system calls*: reads, writes and waits, as far as Python makes them;
- *byte codes* in functions of tailhub: they differ from one minor version of Python to the next;
- *instructions* of the whole process, counted by valgrind's callgrind. The kernel's are not seen;
- *reference units*: CPU time in units of a fixed piece of work (`ReferenceLoop`) that is done between the turns.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import tailhub
from bench.loop.clients import CASES, Case
from bench.loop.lockstep import run_case

_ROOT = Path(__file__).resolve().parents[2]
_OURS = str(Path(tailhub.__file__).parent)
_SYSTEM_CALLS = frozenset({"recv", "recv_into", "send", "sendmsg", "poll", "control", "select"})
_CALLGRIND_LIMIT_S = 60.0  # for each case
# valgrind begins a new profile before a call of this function of the C library, which nothing else here calls.
_MARK = "getloadavg"


class CallMeter:
    """Counts calls from and of tailhub's own code, and system calls. Needs no warming up."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()  # by name
        self.system_calls = 0

    def begin(self) -> None:
        """See `Meter`."""

    def resume(self) -> None:
        """See `Meter`."""
        sys.setprofile(self._on_event)

    def pause(self) -> None:
        """See `Meter`."""
        sys.setprofile(None)

    def end(self) -> None:
        """See `Meter`."""

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            name = argument.__name__
            if name in _SYSTEM_CALLS:
                self.system_calls += 1
            if frame.f_code.co_filename.startswith(_OURS):
                self.calls[name] += 1
        # Comprehensions are functions in some versions of Python and not in others.
        elif event == "call" and frame.f_code.co_filename.startswith(_OURS) and frame.f_code.co_name[0] != "<":
            self.calls[frame.f_code.co_qualname] += 1


class ByteCodeMeter:
    """Counts the byte codes that tailhub's own code executes."""

    def __init__(self) -> None:
        self.count = 0

    def begin(self) -> None:
        """See `Meter`."""

    def resume(self) -> None:
        """See `Meter`."""
        sys.settrace(self._on_call)

    def pause(self) -> None:
        """See `Meter`."""
        sys.settrace(None)

    def end(self) -> None:
        """See `Meter`."""

    def _on_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_OURS):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._on_event

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode":
            self.count += 1
        return self._on_event


class _Marks:
    """Marks the turns that count for callgrind."""

    def begin(self) -> None:
        """See `Meter`."""
        os.getloadavg()

    def resume(self) -> None:
        """See `Meter`."""

    def pause(self) -> None:
        """See `Meter`."""

    def end(self) -> None:
        """See `Meter`."""
        os.getloadavg()


class ReferenceLoop:
    """A fixed piece of work of the packet path's kind: byte codes, copying, TLS records, small reads and writes.

    What it does must never change: all recorded ratios are in units of it.
    """

    _PACKETS = 16
    _FRAME = b"\4\0\0\4\xd0" + b"k" * 32 + b"p" * 1200

    def __init__(self, server: ssl.SSLContext, client: ssl.SSLContext) -> None:
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._server = server.wrap_bio(to_server, to_client, server_side=True)
        self._client = client.wrap_bio(to_client, to_server)
        for side in (self._client, self._server, self._client, self._server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
        self._ends = socket.socketpair()
        self._buffer = bytearray(65536)
        self._table = {bytes((number,)) * 32: number for number in range(64)}
        self._head = struct.Struct(">BI32s")

    def run(self) -> None:
        """Once."""
        buffer, table, unpack = self._buffer, self._table, self._head.unpack_from
        text = self._FRAME * self._PACKETS
        buffer[: len(text)] = text
        parts = []
        at = 0
        while at < len(text):
            kind, length, key = unpack(buffer, at)
            end = at + 5 + length
            if kind == 4 and table.get(key) is None:
                parts.append(bytes(memoryview(buffer)[at:end]))
            at = end
        view = memoryview(b"".join(parts))
        near, far = self._ends
        for start in range(0, len(view), 4096):
            self._server.write(view[start : start + 4096])
            near.send(view[start : start + 64])
            far.recv(64)
            self._client.read(16384)

    def close(self) -> None:
        """Close its sockets."""
        for end in self._ends:
            end.close()


class RatioMeter:
    """CPU time of turns and, in between, of the reference loop."""

    def __init__(self, reference: ReferenceLoop) -> None:
        self._reference = reference
        self._started_ns = 0
        self.turns_ns: list[int] = []
        self.reference_ns: list[int] = []

    @property
    def ratio(self) -> float:
        """A turn in units of the reference loop: the best tenth of each, so that disturbed ones do not matter."""
        return _best(self.turns_ns) / _best(self.reference_ns)

    def begin(self) -> None:
        """See `Meter`."""

    def resume(self) -> None:
        """See `Meter`."""
        started_ns = time.thread_time_ns()
        self._reference.run()
        self._started_ns = time.thread_time_ns()
        self.reference_ns.append(self._started_ns - started_ns)

    def pause(self) -> None:
        """See `Meter`."""
        self.turns_ns.append(time.thread_time_ns() - self._started_ns)

    def end(self) -> None:
        """See `Meter`."""


def _best(values: Sequence[int]) -> float:
    return float(sorted(values)[len(values) // 10])


# --- callgrind --------------------------------------------------------------------------------------------------------

_MARKED_TURNS = 40
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


class CallgrindError(Exception):
    """valgrind gave no counts."""


def count_instructions(valgrind: str, cases: Sequence[Case], keep: Path | None = None) -> dict[str, float]:
    """Instructions for each packet, by case. The profiles stay in `keep`, if given. Raises `CallgrindError`."""
    limit_s = len(cases) * _CALLGRIND_LIMIT_S
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = keep or Path(name)
        command = [
            *(valgrind, "--tool=callgrind", f"--dump-before={_MARK}"),
            *(f"--callgrind-out-file={directory}/%p", sys.executable, "-m", "bench.loop.meters"),
            *(case.name for case in cases),
        ]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=True,
                cwd=_ROOT,
                env={**os.environ, "PYTHONHASHSEED": "0"},
            )
        except subprocess.TimeoutExpired:
            raise CallgrindError(f"valgrind was not done after {limit_s:.0f} s") from None
        except subprocess.CalledProcessError as exc:
            raise CallgrindError(f"valgrind failed: {exc.stderr[-2000:]}") from exc
        # Parts are numbered from 1; each case has two marks, so every second part is a case's turns.
        pid = done.stdout.strip()
        return {
            case.name: _total(directory / f"{pid}.{2 * number + 2}") / _MARKED_TURNS / case.packets_a_turn
            for number, case in enumerate(cases)
        }


def _total(profile: Path) -> int:
    try:
        found = _TOTAL.search(profile.read_text())
    except OSError:
        found = None
    if found is None:
        raise CallgrindError(f"expected a profile in {profile.name}, found none: is {_MARK} in this C library?")
    return int(found[1])


def main() -> int:
    """Under valgrind: run the named cases, print the own process's number."""
    by_name = {case.name: case for case in CASES}
    for name in sys.argv[1:]:
        run_case(by_name[name], _MARKED_TURNS, _Marks(), in_child=True)
    print(os.getpid())
    return 0


if __name__ == "__main__":
    sys.exit(main())
