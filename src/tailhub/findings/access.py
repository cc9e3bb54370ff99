"""Findings about who may relay, and about the programs that are asked about that."""

from __future__ import annotations

from tailhub.findings.finding import Finding


def tailscaled_unreachable(
    path: str, reason: str, setting: str, *, denied: bool = False, mounted: bool = False, parent: str = ""
) -> Finding:
    """The tailscaled whose socket should be at `path` gives no answer, in the system's words or its own.

    `denied`: this user may not open it. `mounted`: the socket alone is mounted there, and nobody listens on it any
    more; its directory, to be mounted instead, is `parent`.
    """
    values = {"path": path, "reason": reason, "setting": setting, "parent": parent}
    return Finding("TH210", {**values, "denied": denied, "mounted": mounted})


def tailscaled_not_running(path: str, state: str) -> Finding:
    """The tailscaled at `path` answers, and is not connected to its tailnet: its `state`, in its own word."""
    return Finding("TH211", {"path": path, "state": state})


def verify_url_unreachable(url: str, reason: str, setting: str) -> Finding:
    """Nobody can be reached at `url`."""
    return Finding("TH212", {"url": url, "reason": reason, "setting": setting})


def verify_fails_open(url: str, setting: str) -> Finding:
    """Whoever comes is let in while `url` cannot be reached."""
    off = ""
    if setting.startswith("--"):
        off = "--no-" + setting[2:]
    elif setting.startswith("-"):  # the original's: Go takes no truth value as a word of its own
        off = f"{setting}=false"
    return Finding("TH213", {"url": url, "setting": setting, "off": off})


def bad_verify_url(setting: str, text: str) -> Finding:
    """The URL to ask is none. What may be its user, password or query is not told."""
    return Finding("TH214", {"setting": setting, "text": text.rpartition("@")[2].partition("?")[0]})


def verify_setting_unused(setting: str, missing: str) -> Finding:
    """`setting` says how to ask a verifier that is not asked, for want of `missing`."""
    return Finding("TH215", {"setting": setting, "missing": missing})


def bad_refuse(text: str, setting: str) -> Finding:
    """What is to become of refused clients is written in a word that is none of ours."""
    return Finding("TH280", {"text": text, "setting": setting})


def refuse_text_long(length: int, most: int, setting: str) -> Finding:
    """What refused clients are told is too long, in characters."""
    return Finding("TH281", {"length": length, "most": most, "setting": setting})
