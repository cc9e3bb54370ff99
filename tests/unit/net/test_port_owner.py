"""Naming the program that holds a port."""

from __future__ import annotations

import os
import socket

import pytest

from tailhub.net.listen_spec import Endpoint
from tailhub.net.port_owner import find_owner, program_name


@pytest.mark.parametrize(
    ("name", "command", "shown"),
    [
        ("nginx", ["nginx: master process"], "nginx"),
        ("docker-proxy", ["/usr/bin/docker-proxy", "-proto", "tcp"], "docker-proxy"),
        ("tailhub", ["/usr/bin/python3", "/usr/bin/tailhub", "relay"], "tailhub"),
        ("python3", ["python3", "-m", "tailhub", "relay"], "python3 -m tailhub"),
        ("python3.11", ["python3", "-X", "dev", "/opt/app/serve.py"], "python3.11 serve.py"),
        ("python3", ["python3", "/opt/app/serve.py", "--port", "80"], "python3 serve.py"),
        ("python3", ["python3", "-u", "/opt/app/serve.py", "-m", "x"], "python3 serve.py"),
        ("python3", ["python3", "-c", "print()"], "python3"),
        ("python3", ["python3"], "python3"),
        ("python3", ["python3", "-m"], "python3"),
        ("python3", [], "python3"),
    ],
)
def test_program_name(name: str, command: list[str], shown: str) -> None:
    """An interpreter is named with what it runs."""
    assert program_name(name, command) == shown


def test_nobody() -> None:
    """A port that nobody holds has no owner, and a connected TCP socket does not count as one."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        port = client.getsockname()[1]
        assert find_owner(Endpoint(socket.AF_INET, "127.0.0.1", port), "TCP") is None


def test_dual_stack_owner() -> None:
    """A wildcard IPv6 socket that serves IPv4 too is found as the owner of the IPv4 port."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        owner = find_owner(Endpoint(socket.AF_INET, "127.0.0.1", server.getsockname()[1]), "TCP")
    assert owner is not None
    assert owner.pid == os.getpid()


def test_other_address_is_no_owner() -> None:
    """A program on another loopback address does not hold ours."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        assert find_owner(Endpoint(socket.AF_INET, "127.0.0.1", server.getsockname()[1]), "TCP") is None
