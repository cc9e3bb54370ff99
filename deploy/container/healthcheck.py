"""Is the relay in this container healthy? Asks ``/healthz`` by the socket in its state directory; exit code 0 or 1.

The socket is there wherever the relay listens, also with ``TAILHUB_ADMIN_LISTEN=off``.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from pathlib import Path

LIMIT_S = 5.0


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        directory = os.environ.get("TAILHUB_STATE_DIR") or os.environ.get("STATE_DIRECTORY") or "/var/lib/tailhub"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT_S)
        self.sock.connect(str(Path(directory) / "admin.sock"))


def main() -> int:
    """Print what the relay says about itself; the exit code."""
    connection = _Connection("localhost")
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        body = response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as exc:
        print(f"no relay answers: {exc}")
        return 1
    finally:
        connection.close()
    print(body.strip())
    return 0 if response.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
