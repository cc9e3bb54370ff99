"""``derper`` and ``tailhub derper``: the relay with the flags and the environment of the original.

Not here: what they mean (`tailhub.settings.original`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import tailhub
from tailhub.cli import output
from tailhub.findings import Language
from tailhub.settings.merge import Settings
from tailhub.settings.original import FLAGS, read_original

_HELP = frozenset({"-h", "-help", "--h", "--help"})


def run_original(words: Sequence[str], lang: Language) -> int:
    """Run until SIGTERM or SIGINT; the exit code. Raises `FindingError` when it cannot start."""
    if _HELP & set(words):
        output.write(_usage())
        return 0
    uid = os.geteuid() if hasattr(os, "geteuid") else None

    def read() -> Settings | None:
        return read_original(words, os.environ, uid, Path("~").expanduser())

    settings = read()
    if settings is None:
        output.write(f"tailhub {tailhub.__version__}, with the flags of derper\n")
        return 0
    from tailhub.cli.relay import run_settings

    return run_settings(lambda: read() or settings, lang)


def _usage() -> str:
    """All flags, each with its variable, default and meaning."""
    lines = ["Usage: derper [flags], as Tailscale's. Flags win over variables.", ""]
    for flag in FLAGS:
        notes = [f"default {flag.default}" if flag.default else "", flag.variable]
        notes.append("not done by tailhub yet" if flag.refused else "")
        said = "; ".join(note for note in notes if note)
        lines.append(f"  -{flag.name:<32} {flag.help}" + (f" ({said})" if said else ""))
    return "\n".join(lines) + "\n"
