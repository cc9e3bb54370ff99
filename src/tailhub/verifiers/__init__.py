"""Programs that know which node keys may relay, and how each is asked: a tailscaled, a URL, an API.

- `verifier`: what all of them have in common
- `tailscaled`: the LocalAPI of a tailscaled on this machine
- `device_list`: a list of devices that is read again and again, when `refresh` says so
- `tailscale_api`, `headscale_api`: whose list that is; `api_client`: how they are asked
- `url`: a program that answers by HTTP, Headscale's ``/verify`` for example

Not here: what follows from their answers (`tailhub.relay.admission`), and when they are asked
(`tailhub.server.verification`). Imported only by a relay that has one.
"""

from __future__ import annotations
