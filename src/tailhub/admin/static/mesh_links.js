// Who of a region's relays has a link to whom, as far as the relay that is asked knows. Decides only.

// Relays of the picture and the table: this one first. `peers` are the API's.
export function nodesOf(own, peers) {
  const others = peers.filter((peer) => !["self", "same"].includes(peer.state));
  return [{ name: own.name, key: own.key, isOwn: true, keys: own.keys }, ...others.map((peer) => ({ ...peer, isOwn: false, tone: toneOf(peer) }))];
}

// How the link that `from` opens to `to` is: "up", "partly", "down", or "unknown".
export function linkOf(from, to) {
  if (from.isOwn) return to.links_up === 0 ? "down" : to.links_up < to.links && to.state === "partly" ? "partly" : "up";
  if (to.isOwn) return from.dials_since === null ? "down" : "up";
  if (!from.key || !to.linked_from) return "unknown";
  return to.linked_from.includes(from.key) ? "up" : "down";
}

// How well it goes with a peer, both directions together.
export function toneOf(peer) {
  if (["self", "same"].includes(peer.state)) return "quiet";
  if (peer.state === "up" && peer.dials_since !== null) return "good";
  return peer.links_up > 0 || peer.state === "incoming" ? "warn" : "bad";
}
