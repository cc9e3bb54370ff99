"""The OpenAPI 3.1 document of the operator's API, made from what answers it: `READS`, their structs, and the routes of
the relay's own as it tells them. Nothing is described a second time.

No sockets. ``docs/reference/api.md`` is made from the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

import tailhub
from tailhub.admin.api import READS, NoQuery, Read
from tailhub.admin.api_types import Relays

__all__ = ["document"]

Json: TypeAlias = dict[str, Any]

_PREFIX: Final = "/api/v1/"
_SCHEMAS: Final = "#/components/schemas/"
_KINDS: Final[Mapping[str, Json]] = {
    "text": {"type": "string", "maxLength": 1000},
    "flag": {"type": "boolean"},
    "number": {"type": "number"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "numbers": {"type": "object", "additionalProperties": {"type": "number"}},
}
_PARTS: Final[Mapping[str, str]] = {"pending": "number", "notice": "id"}  # what follows these in a path; else a key
_OBJECT: Final[Json] = {"type": "object"}
_KEY: Final[Json] = {"type": "string", "pattern": "^nodekey:[0-9a-fA-F]{64}$"}
_ERROR: Final[Json] = {
    "type": "object",
    "description": "What cannot be done. With a code it is a finding: docs/reference/findings.md",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["what"],
            "properties": {
                "code": {"type": "string"},
                "what": {"type": "string"},
                "remedy": {"type": "string"},
                "values": {"type": "object"},
                "texts": {
                    "type": "object",
                    "description": "`what`, `remedy` and some of the `values` in other languages, by their codes",
                },
            },
        }
    },
}
_WHY: Final[Mapping[str, str]] = {
    "400": "The request makes no sense",
    "401": "The operator's token is needed, or is wrong",
    "403": "A page of another origin, or another host name",
    "404": "There is no such call",
    "405": "Not by this method",
    "409": "It cannot be done as things are",
    "413": "The body is too large",
    "429": "Too many wrong tokens",
    "500": "It was tried and went wrong",
    "503": "The relay does not answer",
}
_OF_READS: Final = ("400", "401", "403", "405", "429", "503")
_OF_ROUTES: Final = ("400", "401", "403", "404", "405", "409", "413", "429", "500", "503")
_INTRODUCTION: Final = (
    "The relay as its operator sees it. On `admin_listen` (127.0.0.1:9912), and on `admin.sock` in the state "
    "directory, where no token is needed. Keys are `nodekey:HEX`, times are seconds since 1970, bytes are packet "
    "payload, `_per_s` are rates between the last two snapshots, of which there is at most one a second."
)


def document(routes: Sequence[Mapping[str, Any]]) -> Json:
    """The document of our own calls and of the relay's `routes` (`tailhub.web.operator_api.Route.described`)."""
    answers = [read.answer for read in READS] + [Relays]
    _, schemas = msgspec.json.schema_components(answers, ref_template=_SCHEMAS + "{name}")
    paths: dict[str, Json] = {}
    for read in READS:
        paths[_PREFIX + read.path] = {"get": _read(read)}
    paths[_PREFIX + "relays"] = {"get": _call("getRelays", "This relay and others that it shows", Relays.__name__)}
    paths[_PREFIX + "openapi.json"] = {"get": _call("getOpenapi", "What there is to be asked", "")}
    for route in routes:
        path = _path(route["path"])
        paths.setdefault(_PREFIX + path, {})[route["method"].lower()] = _route(route, path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tailhub",
            "version": tailhub.__version__,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`operator.token` in the state directory: over TCP for everything that changes "
                    "something, and to read from another machine",
                }
            },
        },
    }


def _read(read: Read) -> Json:
    call = _call(_name("get", read.path), read.summary, read.answer.__name__)
    parameters = [] if read.query is NoQuery else _query(read.query)
    if "{key}" in read.path:
        parameters.append({"name": "key", "in": "path", "required": True, "schema": _KEY})
    return call | {"parameters": parameters}


def _query(kind: type[msgspec.Struct]) -> list[Json]:
    """The fields of a query struct as parameters."""
    _, schemas = msgspec.json.schema_components([kind], ref_template=_SCHEMAS + "{name}")
    parameters = []
    for name, schema in schemas[kind.__name__]["properties"].items():
        parameter = {"name": name, "in": "query", "required": False, "schema": schema}
        if description := schema.pop("description", ""):
            parameter["description"] = description
        parameters.append(parameter)
    return parameters


def _route(route: Mapping[str, Any], path: str) -> Json:
    call = _call(_name(route["method"].lower(), path), route["summary"], "", _OF_ROUTES)
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    parameters += [
        {"name": field["name"], "in": "query", "description": field["help"], "schema": _KINDS[field["kind"]]}
        for field in route["query"]
    ]
    call["parameters"] = parameters
    if route["method"] != "GET":
        call["security"] = [{"token": []}]
    if route["body"]:
        properties = {field["name"]: {**_KINDS[field["kind"]], "description": field["help"]} for field in route["body"]}
        schema = {"type": "object", "properties": properties}
        call["requestBody"] = {"required": False, "content": {"application/json": {"schema": schema}}}
    return call


def _call(name: str, summary: str, answer: str, errors: Sequence[str] = _OF_READS) -> Json:
    schema = {"$ref": _SCHEMAS + answer} if answer else _OBJECT
    error = {"application/json": {"schema": {"$ref": _SCHEMAS + "Error"}}}
    responses: Json = {"200": {"description": "Done", "content": {"application/json": {"schema": schema}}}}
    responses |= {status: {"description": _WHY[status], "content": error} for status in errors}
    return {"operationId": name, "summary": summary, "responses": responses}


def _path(pattern: str) -> str:
    """The path of a route as OpenAPI writes it: each star gets a name."""
    parts = pattern.split("/")
    return "/".join(
        "{" + _PARTS.get(before, "key") + "}" if part == "*" else part
        for before, part in zip(["", *parts], parts, strict=False)
    )


def _name(method: str, path: str) -> str:
    words = [word for part in path.replace("-", "/").split("/") for word in [part.strip("{}")]]
    return method + "".join(word.capitalize() for word in words)
