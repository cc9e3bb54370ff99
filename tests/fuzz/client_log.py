"""Fuzz target: a client's log, whatever bytes, is read without an error and within bounds."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.tools.client_log import read_client_log
from tailhub.tools.client_log.history import MOST_LINES, MOST_REGIONS, MOST_SAID
from tailhub.tools.client_log.meaning import finding_of, remark_of

_RECV = b"2026/11/27 17:28:10 magicsock: [0xc1] derp.Recv(derp-900): "

SEEDS: list[bytes] = [
    _RECV + b"derphttp.Client.Recv connect to region 900 (r): cert hash does not match expected cert hash\n",
    _RECV + b"derp.Recv: EOF\nNov 27 17:28:04 host tailscaled[1]: magicsock: derp-900 connected; connGen=1\n",
    _RECV + b"derphttp.Client.Recv connect to region 900 (r): GET failed: <nil>: <html>\r\n<title>502</title>\r\n",
    b'{"text": "health(warnable=derp-region-error): error: The relay server #903 is reporting an issue: x"}\n',
    b'{"MESSAGE": "NetInfo{udp=true derp=#901}", "__REALTIME_TIMESTAMP": "1795800484000000"}\n',
    b"[RATELIMIT] format(x) (66 dropped)\nProgram starting: v1.2\nhome is now derp-901 (r)\n",
    b"UDP is blocked, trying ICMP\nNetInfo{udp=true}\nDetectCaptivePortal(found=true)\n",
    "\ufeffclosing connection to derp-901 (derp-region-redefined), age 3h\r\n".encode("utf-16-le"),
    b"",
]


def one_input(data: bytes) -> None:
    """Read `data` as a log, both in lines and in pieces; raises when something is out of bounds."""
    for lines in (data.split(b"\n"), [data[at : at + 64] for at in range(0, len(data), 64)]):
        log = read_client_log(lines)
        if log.lines != len(lines) or len(log.regions) > MOST_REGIONS or len(log.found) > MOST_LINES + 1:
            raise AssertionError(log)
        for line in log.found:
            remark_of(line).text("zh")
            if line.code:
                finding_of(line)
            if len(line.said) > MOST_SAID or line.count > log.lines * 2:
                raise AssertionError(line)


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
