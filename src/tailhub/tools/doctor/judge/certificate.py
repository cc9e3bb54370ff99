"""Would clients take the certificate that a relay shows? What is wrong with it, as findings. Pure.

Two questions that have nothing to do with each other: whose certificate is it (pin, or name and CA), and is it valid
now? A client's rules for a pin and for names are `tailhub.client.peer_certificate`'s, here they are only asked; who
signed what, OpenSSL has said (`TLSSeen.verify_code`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from tailhub.client.peer_certificate import check_chain
from tailhub.exceptions import CertificateError
from tailhub.findings import Finding, Severity
from tailhub.findings import tls as findings
from tailhub.tailcfg.map_words import PIN_PREFIX
from tailhub.tools.doctor.judge.shown import Shown, own_chain, read_certificate
from tailhub.tools.target import Target

if TYPE_CHECKING:
    from tailhub.tools.doctor.judge.tls import TLSSeen

__all__ = ["NOT_ASKED", "NOT_YET_VALID", "Verdict", "is_checked_by_clients", "is_vouched_for", "judge_certificate"]

# OpenSSL's numbers (x509_vfy.h) of what it found; what else it may find is said in its own words.
NOT_ASKED: Final = -1
"""None of OpenSSL's: the handshake that was to ask it did not come so far."""
_OK: Final = 0
NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_VOUCHED_FOR: Final = frozenset({_OK, NOT_YET_VALID, _EXPIRED})
_SELF_SIGNED, _SELF_SIGNED_ABOVE = 18, 19
_ISSUER_NOT_HERE = frozenset({2, 20, 21})

# Let's Encrypt's roots are in Tailscale's clients themselves (net/bakedroots of the reference).
_BAKED_IN: Final = "Internet Security Research Group"
_SOON = timedelta(days=14)
_SHORT_LIVED = timedelta(days=7, hours=12)  # a CA's "shortlived" profile: renewed in the last days
_MADE_FOR_YEARS = 10  # by tailhub, which dates the beginning back
_PIN_PREFIX = re.compile(r"sha-?256(-raw)?:")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a certificate: whose it is, and its dates. `shown` is None if it cannot be read."""

    shown: Shown | None
    identity: Finding | None = None
    dates: Finding | None = None

    @property
    def stops_clients(self) -> bool:
        """Would clients not go on?"""
        return any(one is not None and one.severity is Severity.ERROR for one in (self.identity, self.dates))


def is_checked_by_clients(target: Target) -> bool:
    """Do clients look at the certificate at all? A pin or a name in CertName wins over InsecureForTests."""
    return bool(target.node.cert_name) or not target.node.insecure_for_tests


def judge_certificate(target: Target, tls: TLSSeen) -> Verdict:
    """What clients that know what we know would say to it, at the time when it was seen."""
    chain = own_chain(tls.chain)
    shown = read_certificate(chain[0]) if chain else None
    if not is_checked_by_clients(target):
        return Verdict(shown)
    if shown is None:
        return Verdict(None, findings.certificate_unacceptable())
    if target.is_pinned:
        identity = _pinned(target, tls, len(chain), shown)
    else:
        identity = _by_authority(target, tls, len(chain), shown)
    return Verdict(shown, identity, _dates(target, tls, shown))


def _pinned(target: Target, tls: TLSSeen, count: int, shown: Shown) -> Finding | None:
    try:
        # The dates are judged apart, so here it is a moment at which they are good.
        check_chain(list(tls.chain), target.host, target.node.cert_name, shown.not_before)
    except CertificateError as exc:
        if exc.reason == "cert_count":
            return findings.pin_with_chain(count, shown.pin, is_other=shown.pin != target.node.cert_name)
        if exc.reason == "cert_pin":
            return _pin_differs(target, tls, shown)
        if exc.reason == "cert_name":
            return _name_missing(target.host, shown)
        return findings.certificate_unacceptable()
    return None


def _pin_differs(target: Target, tls: TLSSeen, shown: Shown) -> Finding:
    expected = target.node.cert_name
    is_file = target.region is not None and "." in target.origin and "://" not in target.origin
    return findings.pin_differs(
        expected,
        shown.pin,
        _made_at(shown, tls.seen_at),
        origin=target.origin if is_file else "",
        region=target.region.region_id if target.region is not None else 0,
        is_only_form=_as_pin(expected) == shown.pin,
    )


def _as_pin(text: str) -> str:
    """A pin as clients take it, out of one that may be written in some other way; "" if it is none."""
    digits = re.sub("[: ]", "", _PIN_PREFIX.sub("", text.strip().lower(), count=1))
    return PIN_PREFIX + digits if _HASH.fullmatch(digits) else ""


def _made_at(shown: Shown, now: datetime) -> datetime:
    """When it was made, as far as its dates tell."""
    try:
        made = shown.not_after.replace(year=shown.not_after.year - _MADE_FOR_YEARS)
    except ValueError:  # 29 February
        return shown.not_before
    return made if shown.is_self_signed and shown.not_before < made <= now else shown.not_before


def _by_authority(target: Target, tls: TLSSeen, count: int, shown: Shown) -> Finding | None:
    """By the rules of the web, without dates. A host of which no map tells may be meant to be pinned."""
    cert_name = target.node.cert_name
    if cert_name and _as_pin(cert_name):  # clients take it for a name, its writer meant a pin
        return _pin_differs(target, tls, shown)
    if tls.verify_code == NOT_ASKED:
        return None
    may_be_pinned = not target.is_from_map and not cert_name
    if tls.verify_code in (_SELF_SIGNED, _SELF_SIGNED_ABOVE) and count == 1:
        return None if may_be_pinned else findings.self_signed(shown.pin, shown.common_name)
    if tls.verify_code == _SELF_SIGNED_ABOVE:
        return findings.authority_unknown(shown.issuer, shown.pin)
    if tls.verify_code in _ISSUER_NOT_HERE and not is_vouched_for(tls):
        if not tls.knows_authorities:
            return None  # who cannot check has nothing to say against it
        last = _last(tls) or shown
        if last.issuer_is_fetchable or last.issuer_organization in tls.authorities:
            return findings.intermediate_missing(last.issuer, count)
        return None if may_be_pinned and count == 1 else findings.authority_unknown(last.issuer, shown.pin)
    if not is_vouched_for(tls):
        return findings.certificate_unacceptable(tls.verify_says)
    return _named(cert_name or target.host, tls.chain, shown)


def is_vouched_for(tls: TLSSeen) -> bool:
    """Does a CA stand behind it that this machine or the client itself knows, whatever the dates?"""
    if tls.verify_code in _VOUCHED_FOR:
        return True
    last = _last(tls)
    return tls.verify_code in _ISSUER_NOT_HERE and last is not None and last.issuer_organization == _BAKED_IN


def _last(tls: TLSSeen) -> Shown | None:
    """The last certificate of the chain: who has made that is not in it."""
    chain = own_chain(tls.chain)
    return read_certificate(chain[-1]) if chain else None


def _named(name: str, chain: tuple[bytes, ...], shown: Shown) -> Finding | None:
    if _is_ip(name):
        return None  # clients that dial an address take a CA's certificate for whatever name
    try:
        check_chain(list(own_chain(chain)), "", name, shown.not_before)
    except CertificateError:
        return _name_missing(name, shown)
    return None


def _name_missing(name: str, shown: Shown) -> Finding:
    is_cn = shown.common_name.lower() == name.lower().rstrip(".")
    return findings.name_not_in_certificate(name, shown.names, is_common_name=is_cn)


def _dates(target: Target, tls: TLSSeen, shown: Shown) -> Finding | None:
    now, left = tls.seen_at, shown.not_after - tls.seen_at
    is_pinned = target.is_pinned or (shown.is_self_signed and not target.is_from_map)
    if left < timedelta():
        return (findings.pinned_expired if is_pinned else findings.served_expired)(shown.not_after)
    if now < shown.not_before:
        return findings.served_not_yet_valid(shown.not_before)
    if not is_pinned and tls.verify_code in (NOT_YET_VALID, _EXPIRED):
        return _above_dates(tls)
    is_short_lived = not shown.is_self_signed and shown.not_after - shown.not_before < _SHORT_LIVED
    if left < ((shown.not_after - shown.not_before) / 4 if is_short_lived else _SOON):
        return findings.expires_within_days(shown.not_after, left.days, is_pinned=is_pinned)
    return None


def _above_dates(tls: TLSSeen) -> Finding:
    """One of the certificates above the relay's own is the one whose dates are bad."""
    for der in own_chain(tls.chain)[1:]:
        shown = read_certificate(der)
        if shown is not None and tls.seen_at > shown.not_after:
            return findings.served_expired(shown.not_after, authority=shown.common_name)
    return findings.certificate_unacceptable(tls.verify_says)


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
