from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tailhub.admin.api import READS
from tailhub.admin.openapi import document
from tailhub.web.operator_api import Call, Field, Route


async def run(call: Call) -> dict[str, Any]:
    return {}


ROUTES = [
    Route("GET", "pending", run, "The refused"),
    Route(
        "POST", "pending/*/approve", run, "Let it in", body=(Field("name", "its name"), Field("replace", "", "flag"))
    ),
    Route("DELETE", "clients/*", run, "Disconnect", query=(Field("why", "the reason", "number"),)),
]
DOCUMENT = document([route.described() for route in ROUTES])


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_call_is_there() -> None:
    """Each call of ours and of the relay's has a path, a summary and a name of its own."""
    calls = [call for path in DOCUMENT["paths"].values() for call in path.values()]
    assert len(calls) == len(READS) + len(ROUTES) + 2
    assert len({call["operationId"] for call in calls}) == len(calls)
    assert all(call["summary"] for call in calls)


def test_one_path_of_two_sides() -> None:
    """A path that both sides answer is one path with both methods."""
    path = DOCUMENT["paths"]["/api/v1/clients/{key}"]
    assert path.keys() == {"get", "delete"}
    assert [one["name"] for one in path["delete"]["parameters"]] == ["key", "why"]


def test_parts_of_paths_and_bodies() -> None:
    """A star becomes a parameter; the body's fields have their kinds."""
    call = DOCUMENT["paths"]["/api/v1/pending/{number}/approve"]["post"]
    assert call["parameters"][0]["name"] == "number"
    properties = call["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert {name: one["type"] for name, one in properties.items()} == {"name": "string", "replace": "boolean"}


def test_only_actions_need_the_token_everywhere() -> None:
    """An action needs the token, a look may do without."""
    assert DOCUMENT["paths"]["/api/v1/clients/{key}"]["delete"]["security"] == [{"token": []}]
    assert "security" not in DOCUMENT["paths"]["/api/v1/pending"]["get"]
    assert {} in DOCUMENT["security"]


def test_references_lead_somewhere() -> None:
    """Each schema that is named is there."""
    names = {reference.removeprefix("#/components/schemas/") for reference in references(DOCUMENT)}
    assert names <= DOCUMENT["components"]["schemas"].keys()
    assert {"Overview", "Error"} <= names


@pytest.mark.parametrize("name", ["Overview", "Clients", "History"])
def test_fields_have_their_meaning(name: str) -> None:
    """What a struct says of itself is in the document."""
    assert DOCUMENT["components"]["schemas"][name]["description"]
