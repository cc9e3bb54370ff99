"""Byte code of the source, as installing it makes it: what is started many times is then compiled once."""

from __future__ import annotations

import compileall
import importlib.util
import marshal
import shutil
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path


@cache
def compile_source(source: Path) -> None:
    """Compile what is not compiled yet, to wherever this interpreter keeps it."""
    assert compileall.compile_dir(source, quiet=1), source


def copy_byte_code(source: Path, target: Path) -> None:
    """Put the byte code of `source` beside its copy `target`, whose files have kept their times."""
    compile_source(source)
    for file in source.rglob("*.py"):
        made = Path(importlib.util.cache_from_source(file))
        place = target / file.relative_to(source).parent / "__pycache__"
        place.mkdir(exist_ok=True)
        shutil.copy2(made, place / made.name)


def byte_code(file: Path, text: str | None = None) -> bytes:
    """The ``.pyc`` of a file, or of this other text of it, that is taken whatever the times of files are."""
    data = file.read_bytes() if text is None else text.encode()
    if text is None:
        code = SourceFileLoader(file.stem, str(file)).get_code(file.stem)
    else:
        code = compile(data, str(file), "exec", dont_inherit=True)
    unchecked = (1).to_bytes(4, "little")  # PEP 552: by hash, and the hash is not looked at
    return importlib.util.MAGIC_NUMBER + unchecked + importlib.util.source_hash(data) + marshal.dumps(code)
