"""Wheels of this tailhub under other version numbers, some of them broken on purpose, in a directory for pip.

Nothing is fetched: each brings a ``.pth`` file by which the packages that it needs are those of the tests. Nothing is
compiled when one is installed either, which `offline` asks for: each brings its byte code, too.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

from support.byte_code import byte_code, compile_source

TAG = sys.implementation.cache_tag
SOURCE = Path(__file__).resolve().parents[2] / "src" / "tailhub"

GOOD: Mapping[str, str] = {}
# Appended to a module of the package, by its path there: raised when it is imported.
UNABLE_TO_CHECK = {"settings/machine_checks.py": "raise SystemExit('tailhub: on purpose: it cannot check')"}
UNABLE_TO_START = {"server/foundation.py": "raise SystemExit('tailhub: on purpose: it cannot start')"}
UNABLE_TO_SERVE = {
    "server/foundation.py": (
        "import os\nif os.environ.get('NOTIFY_SOCKET'): raise SystemExit('tailhub: on purpose: no service')"
    )
}


def make_wheel(directory: Path, version: str, broken: Mapping[str, str] = GOOD, theirs: str = "") -> Path:
    """Write the wheel of `version`; `theirs` is where its packages are."""
    path = directory / f"tailhub-{version}-py3-none-any.whl"
    info = f"tailhub-{version}.dist-info"
    files: dict[str, str | bytes] = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tailhub\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntailhub = tailhub.__main__:main\n",
        "theirs.pth": (theirs or sysconfig.get_path("purelib")) + "\n",
    }
    compile_source(SOURCE)
    for file in sorted(SOURCE.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            name = file.relative_to(SOURCE).as_posix()
            text = other = file.read_text("utf-8")
            if name in broken:
                other = f"{text}\n{broken[name]}\n"
            if name == "__init__.py":
                other = re.sub(r'(__version__ = )".*"', rf'\1"{version}"', text)
            files[f"tailhub/{name}"] = other
            if file.suffix == ".py":
                compiled = byte_code(file, None if other == text else other)
                files[f"tailhub/{Path(name).parent}/__pycache__/{file.stem}.{TAG}.pyc".replace("/./", "/")] = compiled
    files[f"{info}/RECORD"] = "".join(_record(name, data) for name, data in files.items()) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def offline(directory: Path) -> dict[str, str]:
    """The environment in which installers take what is in this directory and nothing else."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TAILHUB_"))}
    return environ | {
        "PIP_NO_COMPILE": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(directory),
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(directory),
        "UV_OFFLINE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "LC_ALL": "C.UTF-8",
    }


def _record(name: str, text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"
