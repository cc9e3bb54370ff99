"""Wheels of this tailhub under other version numbers, some of them broken on purpose, in a directory for pip.

Nothing is fetched: each brings a ``.pth`` file by which the packages that it needs are those of the tests.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path

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
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tailhub\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntailhub = tailhub.__main__:main\n",
        "theirs.pth": (theirs or sysconfig.get_path("purelib")) + "\n",
    }
    for file in sorted(SOURCE.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            name = file.relative_to(SOURCE).as_posix()
            files[f"tailhub/{name}"] = file.read_text("utf-8")
            if name in broken:
                files[f"tailhub/{name}"] += f"\n{broken[name]}\n"
    files["tailhub/__init__.py"] = re.sub(r'(__version__ = )".*"', rf'\1"{version}"', files["tailhub/__init__.py"])
    files[f"{info}/RECORD"] = "".join(_record(name, text) for name, text in files.items()) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def offline(directory: Path) -> dict[str, str]:
    """The environment in which installers take what is in this directory and nothing else."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "TAILHUB_"))}
    return environ | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(directory),
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(directory),
        "UV_OFFLINE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "LC_ALL": "C.UTF-8",
    }


def _record(name: str, text: str) -> str:
    data = text.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"
