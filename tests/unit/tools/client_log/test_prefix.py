from __future__ import annotations

import json

import pytest

from tailhub.tools.client_log import read_client_log
from tailhub.tools.client_log.prefix import seconds

TEXT = "magicsock: [0xc0001] derp.Recv(derp-900): derphttp.Client.Recv connect to region 900 (r900): EOF"
FORMS = {
    "tailscaled": ("2026/11/27 17:28:04 ", "2026/11/27 17:28:04"),
    "fractions": ("2026/11/27 17:28:04.123456 ", "2026/11/27 17:28:04.123456"),
    "journal": ("Nov 27 17:28:04 host tailscaled[123]: ", "Nov 27 17:28:04"),
    "journal-padded": ("Nov  7 17:28:04 host tailscaled[123]: ", "Nov  7 17:28:04"),
    "journal-iso": ("2026-11-27T17:28:04+0000 host tailscaled[123]: ", "2026-11-27T17:28:04+0000"),
    "journal-full": ("Fri 2026-11-27 17:28:04 UTC host tailscaled[123]: ", "2026-11-27 17:28:04"),
    "syslog": ("<30>1 2026-11-27T17:28:04.123Z host tailscaled 123 - - ", "2026-11-27T17:28:04.123Z"),
    "docker": ("2026-11-27T17:28:04.123456789Z 2026/11/27 17:28:04 ", "2026-11-27T17:28:04.123456789Z"),
    "compose": ("tailscale-1  | 2026/11/27 17:28:04 ", "2026/11/27 17:28:04"),
    "windows": ("2026-11-27T17:28:04.123+01:00: ", "2026-11-27T17:28:04.123+01:00"),
    "macos": (
        "2026-11-27 17:28:04.123456+0100 0x1a2b Default 0x0 412 0 IPNExtension: [io.tailscale.ipn.macos:x] ",
        "2026-11-27 17:28:04.123456+0100",
    ),
    "logcat": ("11-27 17:28:04.123  1234  5678 I Tailscale: ", "11-27 17:28:04.123"),
    "none": ("", ""),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_line_is_known_whatever_stands_before_it(form: str) -> None:
    """The time is read in all forms, as the log has it, and the message is found behind it."""
    prefix, time = FORMS[form]
    (line,) = read_client_log([f"{prefix}{TEXT}\n".encode()]).found
    assert (line.name, line.first, line.last) == ("closed_early", time, time)


def test_tailscales_own_json() -> None:
    """A line of the log that a client keeps for its maker has the message and its time."""
    text = json.dumps(
        {"logtail": {"client_time": "2026-11-27T17:28:04.1Z", "proc_seq": 3}, "v": 1, "text": TEXT + "\n"}
    )
    (line,) = read_client_log([text.encode()]).found
    assert (line.said, line.first) == ("EOF", "2026-11-27T17:28:04.1Z")


def test_the_journals_json() -> None:
    """A line of `journalctl -o json` has the message, and its time in microseconds."""
    text = json.dumps({"MESSAGE": TEXT, "__REALTIME_TIMESTAMP": "1795800484000000", "PRIORITY": "6"})
    (line,) = read_client_log([text.encode()]).found
    assert (line.said, line.first) == ("EOF", "2026-11-27T17:28:04Z")


def test_quotes_of_a_message_in_json_are_its_own() -> None:
    """What a message in JSON says is shown as it was said, not as JSON writes it."""
    said = 'cert does not match server name "relay.example": x509: certificate is valid for a, not relay.example'
    text = json.dumps({"text": TEXT.removesuffix("EOF") + said})
    (line,) = read_client_log([text.encode()]).found
    assert line.said == said


def test_a_file_of_powershell() -> None:
    """UTF-16, as a redirection on Windows writes it, is read too, though a line's end falls within a character."""
    data = ("\ufeff" + f"2026-11-27T17:28:04.123Z: {TEXT}\r\n" * 3).encode("utf-16-le")
    (line,) = read_client_log(data.splitlines(keepends=True)).found
    assert (line.name, line.count) == ("closed_early", 3)


@pytest.mark.parametrize("text", [b"{", b'{"text": 3}', b'{"MESSAGE": [1]}', b"[" * 100000, b'{"a":' * 5000])
def test_json_that_is_none(text: bytes) -> None:
    """What only looks like JSON is a line like any other."""
    assert read_client_log([text + b" derp.Recv(derp-900): EOF"]).lines == 1


def test_seconds_between_two_times() -> None:
    """Times of one form can be subtracted, with a year or without."""
    for before, after in (
        ("2026/11/27 17:28:04", "2026/11/27 17:29:05"),
        ("Nov 27 17:28:04", "Nov 27 17:29:05"),
        ("11-27 17:28:04.123", "11-27 17:29:05.456"),
    ):
        first, last = seconds(before), seconds(after)
        assert first is not None
        assert last is not None
        assert last - first == 61
    assert seconds("") is None
    assert seconds("2026/13/27 17:28:04") is None
