"""Findings about proxies in front of the relay, and about servers that the relay stands in front of."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def bad_trusted_proxy(text: str, suggestion: str = "", option: str = "--trusted-proxies") -> Finding:
    """``--trusted-proxies`` has something that is no address and no network; `suggestion` is what was meant."""
    return Finding("TH130", {"text": text, "suggestion": suggestion, "option": option})


def bad_passthrough(text: str, option: str = "--passthrough") -> Finding:
    """``--passthrough`` has something that is not NAME=HOST:PORT, or a name twice."""
    return Finding("TH131", {"text": text, "option": option})


def passthrough_own_name(name: str, option: str = "--passthrough") -> Finding:
    """``--passthrough`` gives the relay's own name to another server."""
    return Finding("TH132", {"name": name, "option": option})


def passthrough_needs_tls(option: str, tls: str) -> Finding:
    """``--passthrough`` at a listener without TLS, where nobody asks for a name."""
    return Finding("TH133", {"option": option, "tls": tls})


def passthrough_to_itself(text: str, option: str) -> Finding:
    """The route leads to the listener that it is for."""
    return Finding("TH234", {"text": text, "option": option})
