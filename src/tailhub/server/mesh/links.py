"""All links of this process to the other relays of the region."""

from __future__ import annotations

from collections.abc import Sequence

from tailhub.keys import MeshKey
from tailhub.server.context import ServerContext
from tailhub.server.mesh.dialing import CertificateRules
from tailhub.server.mesh.link import Link, LinkTimes
from tailhub.server.mesh.link_state import LinkPhase, LinkState
from tailhub.server.mesh.peer_spec import PeerSpec

__all__ = ["MeshLinks"]


class MeshLinks:
    """Keeps a link to each of some relays, from `take` until `stop`; to each only one, and none to this relay itself.

    `logs`: does this process write how they do? Of several workers one is enough, since they see the same.
    """

    def __init__(self, context: ServerContext, *, logs: bool = True, times: LinkTimes | None = None) -> None:
        self._context = context
        self._logs = logs
        self._times = times or LinkTimes()
        self._rules = CertificateRules()
        self._links: dict[PeerSpec, Link] = {}
        self._before: dict[Link, Link] = {}  # a link that is to take another's place, for it has a newer mesh key
        self._leads_to: dict[bytes, Link] = {}  # by the other relay's key, which it has proven; links that are open

    @property
    def states(self) -> list[LinkState]:
        """How each link does, in the order of the settings."""
        return [link.state for link in self._links.values()]

    def take(self, specs: Sequence[PeerSpec], keys: Sequence[MeshKey]) -> None:
        """Keep links to these from now on, with the first of these keys that each takes; without a key to none."""
        before, self._links = self._links, {}
        self._rules.forget()
        for spec in specs if keys else ():
            link = before.pop(spec, None)
            if link is not None and link.open_with not in (None, keys[0]) and link.open_with in keys:
                link = self._replace(link, spec, keys)
            elif link is not None:
                link.follow(keys)
            elif spec not in self._links:
                link = Link(self._context, self, self._rules, spec, keys, self._times, logs=self._logs)
            else:
                continue
            self._links[spec] = link
        for link in before.values():
            self._end(link)
        for link, old in list(self._before.items()):
            if old.open_with not in keys:
                self._end(self._before.pop(link))

    def stop(self) -> None:
        """End all links."""
        for link in self._links.values():
            self._end(link)
        self._links.clear()

    def _replace(self, old: Link, spec: PeerSpec, keys: Sequence[MeshKey]) -> Link:
        """A link with the first mesh key. The old one stays until it is up, so that nothing is lost meanwhile."""
        link = Link(self._context, self, self._rules, spec, keys, self._times, logs=self._logs)
        older = self._before.pop(old, None)
        if older is not None:
            self._end(older)
        self._before[link] = old
        return link

    def _end(self, link: Link) -> None:
        old = self._before.pop(link, None)
        if old is not None:
            self._end(old)
        link.stop()
        self.release(link)

    # --- LinkOwner ----------------------------------------------------------------------------------------------------

    def claim(self, server_key: bytes, link: Link, *, is_proven: bool) -> LinkPhase | None:
        """Whether this link may lead to the relay with that key; else why it is not needed.

        Anybody can say that it has some key: until it is proven no other link gives way to this one.
        """
        if server_key == self._context.public_key:
            return LinkPhase.SELF
        if self._leads_to.get(server_key) not in (None, link, self._before.get(link)):
            return LinkPhase.SAME
        if is_proven:
            self._leads_to[server_key] = link
        return None

    def taken(self, link: Link) -> None:
        """It is up: the one whose place it takes may go."""
        old = self._before.pop(link, None)
        if old is not None:
            self._end(old)

    def release(self, link: Link) -> None:
        """It leads nowhere now: another entry may lead there. One whose place is to be taken is not opened again."""
        for new in [new for new, old in self._before.items() if old is link]:
            del self._before[new]
            link.stop()
        for server_key in [key for key, owner in self._leads_to.items() if owner is link]:
            del self._leads_to[server_key]
            old = self._before.get(link)
            if old is not None and old.open_with is not None:
                self._leads_to[server_key] = old
                continue
            for other in self._links.values():
                if other.phase is LinkPhase.SAME and other.server_key == server_key:
                    other.retry()
