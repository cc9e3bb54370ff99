"""What a line of the log carries besides its text: the name of what happened, and fields for programs.

    _log.info("login   client %s", who, extra=log_event("login", kind="client", name=node))

`EVENTS` is the list of all names with their fields, from which `docs/reference/logs.md` is made. A line that shows a
`tailhub.findings.Finding` and gives no name is a ``finding``, one that shows a traceback an ``internal_error``; what
other packages say is ``library``.

Not here: how lines are written (`tailhub.server.log_line`, `tailhub.server.log_format`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["EVENTS", "FieldValue", "Kind", "log_event"]

FieldValue: TypeAlias = str | int | float | bool


class Kind(NamedTuple):
    """One kind of event."""

    meaning: str
    fields: tuple[str, ...]


EVENTS: Final[Mapping[str, Kind]] = {
    "login": Kind(
        "a client was let in",
        ("kind", "key", "name", "owner", "tenant", "address", "port", "app", "held_s"),
    ),
    "logout": Kind(
        "a client that was in has left, or was closed",
        (
            *("kind", "key", "name", "owner", "tenant", "address", "port", "reason", "duration_s"),
            *("received_bytes", "received_packets", "sent_bytes", "sent_packets"),
        ),
    ),
    "refused": Kind(
        "a client was not let in: it may not relay, or not now",
        ("key", "address", "port", "why", "verifier", "detail", "held"),
    ),
    "not_logged_in": Kind("a connection ended before it said who it is", ("address", "reason")),
    "folded": Kind("so many more lines of an event in the last minute, which were not written", ("of", "count")),
    "from_memory": Kind(
        "a client was let in only because it was before: no verifier could be asked",
        ("key", "name", "owner", "tenant"),
    ),
    "verifier": Kind("a verifier gave no answer, or answers again", ("verifier", "answer", "detail")),
    "descriptors": Kind("no file descriptor was left for a connection", ()),
    "passthrough": Kind("the server that a connection is for cannot be reached", ("backend", "reason")),
    "proxy": Kind("a trusted proxy does not tell whose connection it is", ("address",)),
    "quota": Kind("a client has come to so much of its quota", ("key", "tenant", "percent")),
    "certificate": Kind("a certificate was asked for, made or read, or will expire", ("name", "place", "valid_to")),
    "allow_list": Kind("an allow list was read", ("place", "keys", "changed")),
    "devices": Kind("a list of devices was read", ("verifier",)),
    "reload": Kind(
        "the configuration was read again; or stays as it is, because of a finding",
        ("changed", "needs_restart", "code"),
    ),
    "bootstrap_dns": Kind("a name cannot be looked up", ("name",)),
    "store": Kind("the store can be written again", ()),
    "map_pushed": Kind("the relay's region was brought to where clients get their map from", ("place", "changed")),
    "notify": Kind("the relay's owner is sent a message", ("title",)),
    "worker": Kind("a process of the relay has ended, or is ended", ("process", "pid", "reason")),
    "audit": Kind(
        "an operator's action was asked for; or the file of these cannot be written",
        ("action", "target", "caller", "outcome", "place", "reason"),
    ),
    "log": Kind("the steps of a client are logged no longer, or some of them were left out", ("ended", "left_out")),
    "debug": Kind(
        "one step of a client that is looked at closely, such as `hello`, `received`, `second` or `closed`",
        (
            *("step", "key", "address", "port", "listener", "server_name", "alpn", "tls", "request", "status", "agent"),
            *(
                "upgrade",
                "fast_start",
                "not_ideal",
                "version",
                "app",
                "can_ack_pings",
                "mesh",
                "prober",
                "admits",
                "detail",
            ),
            *("frame", "bytes", "received_packets", "received_bytes", "sent_packets", "sent_bytes", "queued_bytes"),
            *("not_read", "does_not_read", "reason"),
        ),
    ),
    "finding": Kind("something that a person should know or mend", ("code", "finding")),
    "internal_error": Kind("a fault of tailhub itself", ("traceback",)),
    "drain": Kind("nobody is taken any more, and clients are closed; or that was called off", ("over_s", "stays")),
    "notice": Kind("what users are to be told could not be read", ()),
    "mesh": Kind(
        "the link to another relay of the region is up or down, or why it does not come about",
        ("peer", "phase", "key", "version", "code", "says"),
    ),
    "mesh_mended": Kind("a fault of the mesh is over, whose finding was logged when it began", ("code", "peer")),
    "library": Kind("what another package says, at the level warning or above", ("logger", "traceback")),
}


def log_event(event: str, **fields: FieldValue) -> dict[str, Any]:
    """The `extra` of a call of `logging`. `event` and the names of fields are those of `EVENTS`."""
    return {"event": event, "fields": fields}
