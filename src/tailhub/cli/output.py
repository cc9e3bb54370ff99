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
    """Write all of `text` now. Raises `MachineError`, or `BrokenPipeError` when the reader has had enough."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise MachineError(findings.output_failed(exc.strerror or str(exc))) from exc


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
