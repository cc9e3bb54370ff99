"""Where programs of the original are looked for: in ``TAILHUB_GO_BIN``, in ``PATH``, and where Go installs them."""

from __future__ import annotations

import os
from pathlib import Path

_places = (os.environ.pop("TAILHUB_GO_BIN", None), os.environ.get("PATH"), str(Path.home() / "go" / "bin"))
os.environ["PATH"] = os.pathsep.join(place for place in _places if place)
