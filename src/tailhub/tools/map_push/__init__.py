"""Bringing a relay's region to those who hand maps out: a tailnet's policy at Tailscale, or Headscale's file.

`update` (what is changed, and what somebody else has changed meanwhile; pure), `places` (reading and writing them),
`push` (both together), `memory` (what was pushed last). ``python -m tailhub.tools.map_push`` is what a relay starts for
it: `tailhub.server.map_pusher` says how.
"""

from __future__ import annotations

from tailhub.tools.map_push.places import FilePlace, Place, TailscalePlace, place_of
from tailhub.tools.map_push.push import Prepared, commit, own_region, prepare

__all__ = ["FilePlace", "Place", "Prepared", "TailscalePlace", "commit", "own_region", "place_of", "prepare"]
