"""Fields of regions and nodes, as texts of a command line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tailhub.exceptions import LocalError
from tailhub.tailcfg.derpmap import DERPNode, DERPRegion
from tailhub.tools.derpmap.fields import FIELDS, parse_fields

PIN = "sha256-raw:" + 64 * "a"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("derp_port", "8443", 8443),
        ("derp_port", "", None),
        ("stun_port", "-1", -1),
        ("avoid", "true", True),
        ("avoid", "off", False),
        ("score", "1000", 1000),
        ("score", "0.5", 0.5),
        ("latitude", "-12.5", -12.5),
        ("ipv4", "none", "none"),
        ("ipv6", "2001:DB8::1", "2001:db8::1"),
        ("host_name", "2001:db8::1", "2001:db8::1"),
        ("host_name", "derp.example.com", "derp.example.com"),
        ("cert_name", PIN, PIN),
        ("cert_name", "derp.example.com", "derp.example.com"),
        ("region_name", "家里: 1/2", "家里: 1/2"),
        ("region_id", "912", 912),
    ],
)
def test_a_text_means_a_value(key: str, text: str, value: Any) -> None:
    """Of the field's type; an empty one takes the field out."""
    (found,) = parse_fields({key: text}).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("derp_port", "-1"),
        ("derp_port", "0"),
        ("derp_port", "84430"),
        ("derp_port", "https"),
        ("stun_port", "-2"),
        ("avoid", "perhaps"),
        ("score", "0"),
        ("score", "-1"),
        ("score", "nan"),
        ("ipv4", "2001:db8::1"),
        ("ipv6", "203.0.113.7"),
        ("host_name", "https://derp.example.com"),
        ("host_name", "derp.example.com:8443"),
        ("cert_name", PIN.upper()),
        ("cert_name", PIN[:-1]),
        ("cert_name", "sha256:" + 64 * "a"),
        ("region_id", "0"),
    ],
)
def test_a_text_that_means_none_is_refused(key: str, text: str) -> None:
    """With the flag, what it takes and what was found."""
    with pytest.raises(LocalError, match=f"--{key.replace('_', '-')}: expected .* found '{text}'"):
        parse_fields({key: text})


def test_every_field_of_a_region_and_a_node_is_there() -> None:
    """But for those that a command says otherwise: the list of nodes, a node's name."""
    names = {field.encode_name for kind in (DERPRegion, DERPNode) for field in msgspec.structs.fields(kind)}
    assert {field.name for field in FIELDS if field.of != "home_params"} == names - {"Nodes", "Name"}
