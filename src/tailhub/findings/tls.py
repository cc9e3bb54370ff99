"""Findings about the certificate and TLS that a relay shows to clients, and the web servers that stand before it.

Pins are whole, as a DERP map has them. `front` is a word of `tailhub.tools.doctor.judge.fronts`, "" for one that is not
known; `server` is what it calls itself. Dates may have a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tailhub.findings.finding import Finding

_FRONTS = ("nginx", "bt", "haproxy", "caddy", "traefik", "apache", "cloudflare")


def pin_differs(
    expected: str, found: str, made: date, origin: str = "", region: int = 0, *, is_only_form: bool = False
) -> Finding:
    """The certificate is not the one that the map pins; or it is (`is_only_form`), and the pin is written otherwise.

    `origin` is the file with the map, if it can be changed, `region` the region in it, `made` when it was made.
    """
    values = {
        "expected": expected,
        "found": found,
        "made": _minute(made),
        "origin": origin,
        "region": region if origin else None,
        "is_only_form": is_only_form,
    }
    return Finding("TH014", values)


def pin_with_chain(count: int, found: str, *, is_other: bool = False) -> Finding:
    """The map has a pin, and the relay shows `count` certificates; `is_other`: its own is not the pinned one either."""
    return Finding("TH015", {"count": count, "found": found, "is_other": is_other})


def pinned_expired(not_after: date) -> Finding:
    """The certificate that clients pin has expired."""
    return Finding("TH016", {"date": _minute(not_after)})


def served_expired(not_after: date, authority: str = "") -> Finding:
    """The certificate, or that of an `authority` in its chain, has expired."""
    return Finding("TH017", {"date": _minute(not_after), "authority": authority})


def served_not_yet_valid(not_before: date) -> Finding:
    """The certificate is valid from a later moment."""
    return Finding("TH018", {"date": _minute(not_before)})


def expires_within_days(not_after: date, days: int, *, is_pinned: bool) -> Finding:
    """The certificate expires in `days` days."""
    return Finding("TH019", {"date": _minute(not_after), "days": days, "is_pinned": is_pinned})


def clock_wrong(here: str, there: str) -> Finding:
    """The dates are bad by the clock `here` and good by the relay's; `there` is "" where nobody told the time."""
    return Finding("TH020", {"here": here, "there": there})


def name_not_in_certificate(name: str, names: Sequence[str], *, is_common_name: bool = False) -> Finding:
    """Clients ask for `name`, and the certificate has `names`; `is_common_name`: it stands in its CN only."""
    return Finding("TH021", {"name": name, "names": ", ".join(names[:8]), "is_common_name": is_common_name})


def intermediate_missing(issuer: str, count: int) -> Finding:
    """The `count` certificates that are shown end before the CA: that of `issuer` is missing."""
    return Finding("TH022", {"issuer": issuer, "count": count, "several": count > 1})


def self_signed(pin: str, common_name: str) -> Finding:
    """The certificate is self-signed, and the map neither pins it nor says that clients should not look."""
    return Finding("TH023", {"pin": pin, "common_name": common_name})


def tls_too_old(version: str) -> Finding:
    """It speaks no newer TLS than `version`."""
    return Finding("TH024", {"version": version})


def meta_certificate_missing(front: str) -> Finding:
    """No meta certificate: something ends TLS in front of the relay."""
    return Finding("TH025", {"front": front})


def other_web_server(target: str, status: int, server: str, front: str, title: str) -> Finding:
    """A web server answers, and nothing of what it says is a relay's. `title` is the start of its page."""
    is_bt, is_proxy = front == "bt", front in ("nginx", "haproxy", "caddy", "traefik", "apache")
    values = {"target": target, "status": status, "server": server, "title": title, "bt": is_bt, "proxy": is_proxy}
    return Finding("TH026", values | {"cloudflare": front == "cloudflare"})


def upgrade_eaten(status: int, server: str, front: str, title: str) -> Finding:
    """There is a relay, and what stands before it does not pass the upgrade on."""
    values: dict[str, object] = {"status": status, "server": server, "title": title}
    values |= {name: front == name for name in _FRONTS}
    return Finding("TH027", values | {"unknown": front not in _FRONTS})


def nothing_behind_proxy(status: int, server: str, front: str, title: str) -> Finding:
    """A proxy answers that what should be behind it does not."""
    values = {"status": status, "server": server, "title": title, "cloudflare": front == "cloudflare"}
    return Finding("TH028", values)


def several_relays(target: str, keys: Sequence[str], connections: int, *, is_untried: bool) -> Finding:
    """Different relays answer at one address; `is_untried`: whether they are a mesh could not be seen."""
    values = {"target": target, "count": len(keys), "keys": ", ".join(keys), "connections": connections}
    return Finding("TH029", values | {"is_untried": is_untried})


def name_refused(name: str, reason: str, *, answers_others: bool) -> Finding:
    """The server answers TLS, but not for this name; `reason` is OpenSSL's word for the alert.

    `answers_others`: without a name it was seen to.
    """
    return Finding("TH390", {"name": name, "reason": reason, "answers_others": answers_others})


def handshake_failed(target: str, reason: str) -> Finding:
    """No TLS handshake succeeds: ``timeout``, ``closed``, ``reset`` or what OpenSSL calls it."""
    values = {"target": target, "reason": reason, "silent": reason == "timeout"}
    return Finding("TH391", values | {"closed": reason in ("closed", "reset")})


def authority_unknown(issuer: str, pin: str) -> Finding:
    """A CA that clients do not know has made the certificate."""
    return Finding("TH392", {"issuer": issuer, "pin": pin})


def clocks_differ(here: str, there: str) -> Finding:
    """The clocks of this machine and of the relay are far apart; nothing is broken by that yet."""
    return Finding("TH393", {"here": here, "there": there})


def certificate_unacceptable(reason: str = "") -> Finding:
    """The certificate is refused for a `reason` that is OpenSSL's to tell; without one nobody can read it."""
    return Finding("TH394", {"reason": reason})


def meta_key_differs(meta_key: str, server_key: str) -> Finding:
    """The meta certificate has another key than the relay that answers."""
    return Finding("TH395", {"meta_key": meta_key, "server_key": server_key})


def no_answer_to_upgrade(target: str, reason: str) -> Finding:
    """TLS works, and `GET /derp` is not answered in HTTP; `reason` is a word of the look."""
    return Finding("TH396", {"target": target, "silent": reason == "timeout", "not_http": reason == "not_http"})


def check_page_upgrades() -> Finding:
    """`/derp/latency-check` is answered with 101."""
    return Finding("TH397")


def several_certificates(pins: Sequence[str]) -> Finding:
    """One relay, and the pinned certificate is one of several that are shown in turn."""
    return Finding("TH398", {"count": len(pins), "pins": ", ".join(pins)})


def fast_start_broken() -> Finding:
    """A fast start is offered, and what stands before the relay waits for HTTP."""
    return Finding("TH399")


def _minute(moment: date) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
