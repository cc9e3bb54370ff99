"""Fuzz target: a certificate that whoever answers shows is read, or it is not: nothing else comes of it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.certificates import make_certificate
from tailhub.certs.meta import make_meta
from tailhub.keys import NodePublic
from tailhub.tools.doctor.judge.shown import own_chain, read_certificate

_CA = make_certificate(common_name="CA", organization="Test", is_ca=True)
SEEDS = [
    make_certificate(dns_names=["derp.example.com"], ips=["2001:db8::7"]).der,
    make_certificate(dns_names=["*.example.com"], issuer=_CA, issuer_url="http://ca.example/ca.der").der,
    _CA.der,
    make_meta(NodePublic(bytes(range(32))), datetime.now(UTC)).pem,
]


def one_input(data: bytes) -> None:
    """Read it alone and in a chain."""
    shown = read_certificate(data)
    assert shown is None or shown.pin.startswith("sha256-raw:")
    assert set(own_chain([data, data])) <= {data}


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
