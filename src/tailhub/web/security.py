"""Headers that tell browsers to do nothing clever with a page. Source: the reference's ``tsweb.AddBrowserHeaders``.

Two differences: the policy forbids everything that a page does not use, and HSTS does not speak for subdomains, which
are not the relay's to decide about.
"""

from __future__ import annotations

from tailhub.web.message import Header


def browser_headers(style_source: bytes = b"", image_source: bytes = b"") -> tuple[Header, ...]:
    """Make the headers of a page that may use styles and images from these sources, and nothing else."""
    policy = [b"default-src 'none'", b"base-uri 'none'", b"form-action 'none'", b"frame-ancestors 'none'"]
    if style_source:
        policy.append(b"style-src " + style_source)
    if image_source:
        policy.append(b"img-src " + image_source)
    return (
        (b"content-security-policy", b"; ".join(policy)),
        (b"strict-transport-security", b"max-age=63072000"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
    )
