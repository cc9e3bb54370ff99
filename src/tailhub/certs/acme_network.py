"""HTTP to an ACME server within bounds: what it may send, and how long; and how long it wants to be left alone.

The libraries read whatever comes, for as long as some of it does. The server is somebody else's, and so is what stands
between. Not bounded here: redirects, which `requests` counts.
"""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from tailhub.certs.acme_errors import AcmeError
from tailhub.net.retry_after import retry_after

__all__ = ["MAX_ANSWER_LEN", "BoundedAdapter"]

MAX_ANSWER_LEN = 1 << 20  # bytes, unpacked; a certificate with its chain has some 5 KB
ANSWER_S = 60.0  # for the whole body
_PIECE = 1 << 14  # bytes
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class BoundedAdapter(HTTPAdapter):
    """`wait` is what the last answer that was an error asked for, None if it did not ask."""

    def __init__(self) -> None:
        super().__init__()
        self.wait: timedelta | None = None

    def build_response(self, req: requests.PreparedRequest, resp: urllib3.BaseHTTPResponse) -> requests.Response:
        """Raises `AcmeError` for a body that is too long or takes too long."""
        body = _read(resp)
        headers = {name: value for name, value in resp.headers.items() if name.lower() not in _OF_THE_WIRE}
        whole = urllib3.HTTPResponse(
            io.BytesIO(body), headers, resp.status, resp.version, reason=resp.reason, preload_content=False
        )
        response: requests.Response = super().build_response(req, whole)
        self.wait = None if response.ok else retry_after(headers.get("Retry-After", ""), datetime.now(UTC))
        return response


def _read(resp: Any) -> bytes:
    body = bytearray()
    end = time.monotonic() + ANSWER_S
    try:
        for piece in resp.stream(_PIECE, decode_content=True):
            body += piece
            if len(body) > MAX_ANSWER_LEN:
                raise AcmeError(f"the server's answer has more than {MAX_ANSWER_LEN >> 20} MiB")
            if time.monotonic() > end:
                raise AcmeError(f"the server's answer was not whole within {ANSWER_S:.0f} s")
    except urllib3.exceptions.ReadTimeoutError as exc:
        raise requests.exceptions.ReadTimeout(exc) from exc
    except urllib3.exceptions.HTTPError as exc:
        raise requests.exceptions.ConnectionError(exc) from exc
    finally:
        resp.close()
    return bytes(body)
