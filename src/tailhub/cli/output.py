"""Writing to the standard streams, which may be closed, full, or a pipe that nobody reads any more."""

from __future__ import annotations

import os
import sys

from tailhub import findings
from tailhub.exceptions import MachineError
from tailhub.findings import Finding, Language


def open_missing_streams() -> None:
    """Give a program that was started without standard streams some that lead nowhere.

    Else a socket or a key file would get one of their numbers, and what a library prints would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  open to the end


def write(text: str) -> None:
    """Write all of `text` now. Raises `MachineError`, or `BrokenPipeError` when the reader has had enough.

    Characters that the stream cannot encode are written as JSON writes them: with that, JSON stays what it was.
    """
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            sys.stdout.write(_encodable(text, sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise MachineError(findings.output_failed(exc.strerror or str(exc))) from exc


def _encodable(text: str, encoding: str) -> str:
    def escaped(char: str) -> str:
        try:
            char.encode(encoding)
        except UnicodeEncodeError:
            units = char.encode("utf-16-be", "surrogatepass")
            return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
        return char

    return "".join(map(escaped, text))


def write_bytes(data: bytes) -> None:
    """Write all of `data` now, as it is: a file's content. Raises as `write`."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise MachineError(findings.output_failed(exc.strerror or str(exc))) from exc


def write_finding(finding: Finding, lang: Language) -> None:
    """Tell a person, on standard error: one sentence or two in their language, and the code to look it up by."""
    try:
        sys.stderr.write(f"tailhub: {finding.render(lang)}  [{finding.code}]\n")
    except OSError:  # nowhere to say it: the exit code has to do
        pass


def give_up() -> None:
    """Drop what could not be written, so that the interpreter does not try again at its end and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
