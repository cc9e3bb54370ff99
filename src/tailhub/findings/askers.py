"""Findings about whoever is asked who may relay, as a check on the relay finds it, and what clients' logs say.

Of a client's log: `region` is the region's number, "" where the line names none; `said` is the client's own text.
"""

from __future__ import annotations

from tailhub.findings.finding import Finding

__all__ = [
    "accepts_then_silent",
    "captive_portal",
    "client_not_let_in",
    "client_offline",
    "closed_in_handshake",
    "connection_intercepted",
    "control_unreachable",
    "error_not_known",
    "home_flaps",
    "issuer_unknown",
    "key_used_twice",
    "name_not_served",
    "no_way_there",
    "own_client_at_home",
    "own_client_cut_off",
    "pin_misspelt",
    "proxy_refuses",
    "region_redefined",
    "region_without_relay",
    "relay_cannot_ask",
    "relay_reports",
    "socket_left_behind",
    "tailscaled_too_old",
    "verify_url_unusable",
]


# --- what a client's log says -----------------------------------------------------------------------------------------


def issuer_unknown(region: str, said: str) -> Finding:
    """The client does not trust the certificate's issuer."""
    return Finding("TH435", {"region": region, "said": said})


def name_not_served(region: str, said: str) -> Finding:
    """The server has no certificate for the name that the client asks for, and says so by a TLS alert."""
    return Finding("TH436", {"region": region, "said": said})


def no_way_there(region: str, said: str) -> Finding:
    """The client's machine knows no way to the relay's address."""
    return Finding("TH437", {"region": region, "said": said})


def accepts_then_silent(region: str, said: str) -> Finding:
    """The relay's port accepts a connection, and then nothing comes."""
    return Finding("TH438", {"region": region, "said": said})


def closed_in_handshake(region: str, said: str) -> Finding:
    """The connection is closed before the relay has said anything that makes sense."""
    return Finding("TH439", {"region": region, "said": said})


def pin_misspelt(region: str, said: str) -> Finding:
    """CertName is a hash, but not in the form in which clients take it for one."""
    return Finding("TH440", {"region": region, "said": said})


def region_without_relay(region: str, said: str) -> Finding:
    """The region has no node that relays, or is not in the map any more."""
    return Finding("TH441", {"region": region, "said": said})


def region_redefined(region: str, said: str) -> Finding:
    """The client's map changed for this region again and again, and each time it closed its connection."""
    return Finding("TH442", {"region": region, "said": said})


def relay_reports(region: str, said: str) -> Finding:
    """The relay itself tells the client's user what is wrong."""
    return Finding("TH443", {"region": region, "said": said})


def connection_intercepted(region: str, said: str) -> Finding:
    """A device of a network's owner answers in the relay's place."""
    return Finding("TH444", {"region": region, "said": said})


def control_unreachable(region: str, said: str) -> Finding:
    """The client does not reach its control server."""
    return Finding("TH445", {"region": region, "said": said})


def home_flaps(region: str, said: str) -> Finding:
    """The client changes its home relay again and again."""
    return Finding("TH446", {"region": region, "said": said})


def captive_portal(region: str, said: str) -> Finding:
    """The client's network wants a login in a browser first."""
    return Finding("TH447", {"region": region, "said": said})


def client_offline(region: str, said: str) -> Finding:
    """The client reaches no relay at all, or has no network."""
    return Finding("TH448", {"region": region, "said": said})


def error_not_known(region: str, said: str) -> Finding:
    """The client has no connection, for a reason that we do not know."""
    return Finding("TH449", {"region": region, "said": said})


def proxy_refuses(region: str, said: str) -> Finding:
    """The client's way to the relay leads through an HTTP proxy, which does not let it through."""
    return Finding("TH457", {"region": region, "said": said})


def client_not_let_in(region: str, said: str) -> Finding:
    """The relay ends the connection when the client has said who it is."""
    return Finding("TH458", {"region": region, "said": said})


# --- on the relay -----------------------------------------------------------------------------------------------------


def key_used_twice(keys: str, count: int) -> Finding:
    """So many node keys are connected from two places at once; `keys` names some of them."""
    return Finding("TH450", {"keys": keys, "count": count})


def tailscaled_too_old(path: str, version: str, reason: str) -> Finding:
    """The tailscaled at `path` does not understand the question about one key."""
    return Finding("TH451", {"path": path, "version": version, "reason": reason})


def socket_left_behind(path: str, parent: str, *, directory: bool = False) -> Finding:
    """Where the relay looks, `path` is another file than the socket of tailscaled, or none: a mount has stayed behind.

    `directory`: the whole directory `parent` is the one that was there before.
    """
    return Finding("TH452", {"path": path, "parent": parent, "directory": directory})


def verify_url_unusable(url: str, reason: str, setting: str) -> Finding:
    """Somebody answers at `url`, and it is no verdict."""
    return Finding("TH453", {"url": url, "reason": reason, "setting": setting})


def own_client_cut_off(region: str, name: str, reason: str) -> Finding:
    """The own Tailscale of this machine has this relay as its home, and no connection to it."""
    return Finding("TH454", {"region": region, "name": name, "reason": reason})


def own_client_at_home(region: str, name: str) -> Finding:
    """The own Tailscale of this machine has this relay as its home though the map has others."""
    return Finding("TH455", {"region": region, "name": name})


def relay_cannot_ask(verifier: str, reason: str) -> Finding:
    """The relay that runs gets no answer from a verifier that does answer here."""
    return Finding("TH456", {"verifier": verifier, "reason": reason})
