"""Tailscale's own ``stunc`` asks our server: ``go install tailscale.com/cmd/stunc@v1.102.5``."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import sys

import pytest

from tailhub.server.stun import StunServer

pytestmark = pytest.mark.go

LIMIT_S = 20.0


def find_stunc() -> str:
    named = os.environ.get("STUNC")
    found = shutil.which(named or "stunc")
    if found is None:
        pytest.skip(f"STUNC={named} is not a program" if named else "no stunc in PATH, and STUNC is not set")
    return found


async def ask(stunc: str, asked: str, wildcard: str) -> tuple[str, int]:
    """What stunc printed about one request to `asked`, and the server's port."""
    sock = socket.socket(socket.AF_INET6 if ":" in asked else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((wildcard, 0))
    except OSError as error:
        sock.close()
        pytest.skip(f"{wildcard} cannot be had here: {error}")
    server = StunServer([sock])
    server.start()
    port = server.addresses[0][1]
    try:
        async with asyncio.timeout(LIMIT_S):
            process = await asyncio.create_subprocess_exec(
                stunc, asked, str(port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            output, _ = await process.communicate()
    finally:
        server.stop()
    assert process.returncode == 0, output.decode()
    return output.decode(), port


@pytest.mark.parametrize(
    ("asked", "bound"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        pytest.param(
            "127.0.0.2",
            "0.0.0.0",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.2 as it is"),
        ),
        ("::1", "::1"),
        ("::1", "::"),
    ],
)
def test_stunc(asked: str, bound: str) -> None:
    """The program learns its address from our server, which answers from the address that was asked."""
    output, port = asyncio.run(ask(find_stunc(), asked, bound))
    host = f"[{asked}]" if ":" in asked else asked
    output = re.sub(r"\[::ffff:([0-9.]+)\]", r"\1", output)  # its socket is one for both families
    assert f"from addr: {host}:{port}\n" in output
    seen = re.search(r"stun addr: (.+):(\d+)\n", output)
    assert seen is not None
    assert seen[1] == ("[::1]" if ":" in asked else "127.0.0.1")
    assert 0 < int(seen[2]) < 65536
