"""One HTTP/1.1 question on a connection of its own, for small answers from servers that are not trusted to keep bounds.

Bounded are head and body; time is the caller's (`asyncio.timeout`). Redirects are not followed, proxies from the
environment not used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tailhub.exceptions import RemoteError
from tailhub.net.abort import abort

__all__ = ["Answer", "exchange"]

MAX_HEAD_BYTES = 16384
_OVERHEAD = 4  # a body in chunks may take so many times its bytes, with the heads of 1xx answers
_READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 200 to 599, header fields with names in lower case, and the body."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> str:
        """The first field of that name (lower case) as text, "" if there is none."""
        return next((value.decode("latin-1") for field, value in self.headers if field == name), "")


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | None = None,
    *,
    most_bytes: int,
) -> Answer:
    """Ask, read the whole answer, and drop the connection, whatever comes.

    `headers` has Host; ``Content-Length`` is added for a `body`. Raises `OSError` when nothing comes back, and
    `RemoteError` for what is not HTTP, ends early, or has more than `most_bytes` of body.
    """
    import h11

    try:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        fields = [*headers, ("Connection", "close")]
        if body is not None:
            fields.append(("Content-Length", str(len(body))))
        parts = [http.send(h11.Request(method=method, target=target, headers=fields))]
        if body:
            parts.append(http.send(h11.Data(data=body)))
        parts.append(http.send(h11.EndOfMessage()))
        writer.write(b"".join(part or b"" for part in parts))
        status, size, received = 0, 0, 0
        fields_of_answer: Sequence[tuple[bytes, bytes]] = ()
        pieces: list[bytes] = []
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_READ_BYTES)
                if not data and not received:
                    raise ConnectionResetError("closed without an answer")
                received += len(data)
                if received > MAX_HEAD_BYTES + _OVERHEAD * most_bytes:
                    raise RemoteError("the answer is too long", "http")
                http.receive_data(data)
            elif isinstance(event, h11.Response):
                status, fields_of_answer = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
                size += len(event.data)
                if size > most_bytes:
                    raise RemoteError(f"the answer has more than {most_bytes} bytes", "http")
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, fields_of_answer, b"".join(pieces))
            elif isinstance(event, h11.ConnectionClosed):
                raise RemoteError("no answer: the connection was closed", "http")
    except h11.RemoteProtocolError as exc:
        raise RemoteError(f"the answer is not HTTP: {exc}", "http") from exc
    finally:
        abort(writer)
