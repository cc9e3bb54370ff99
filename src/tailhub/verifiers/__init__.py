"""Programs that know which node keys may relay, and how each is asked: a local tailscaled, a URL.

- `verifier`: what all of them have in common
- `tailscaled`: the LocalAPI of a tailscaled on this machine
- `url`: a program that answers by HTTP, Headscale's ``/verify`` for example

Not here: what follows from their answers (`tailhub.relay.admission`), and when they are asked
(`tailhub.server.verification`). Imported only by a relay that has one.
"""

from __future__ import annotations
