"""Which lists of devices a tenant's configuration names: what is wrong with that, and their verifiers.

A credential stands in a setting or, better, in a file that another setting names; that file is read again each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tailhub import findings
from tailhub.certs.files import read_file
from tailhub.exceptions import LocalError, MachineError
from tailhub.findings import Finding, Place
from tailhub.server.state import secret_findings
from tailhub.server.tenant_config import TAILSCALE_API, TenantConfig
from tailhub.verifiers.api_client import Api, Kind
from tailhub.verifiers.device_list import DeviceListVerifier
from tailhub.verifiers.headscale_api import HeadscaleDevices
from tailhub.verifiers.tailscale_api import API_TOKEN, CLIENT_SECRET, TailscaleDevices
from tailhub.verifiers.url import VerifyUrl, parse_url, trust_of

__all__ = ["device_api_findings", "device_verifiers", "secret_file_findings"]

Places = Callable[[str], Place]
"""Where the user wrote the setting of a name."""

LEAST_REFRESH_S = 5.0
_HEADSCALE_URL = "https://headscale.example.com"
_EXPECTED = {
    "tailscale_client_secret": f"an OAuth client's secret ({CLIENT_SECRET}…)",
    "tailscale_token": f"an API access token ({API_TOKEN}…)",
    "headscale_api_key": "an API key (hskey-api-…)",
}
_KINDS = {CLIENT_SECRET: "tailscale_client_secret", API_TOKEN: "tailscale_token", "tskey-auth-": "an auth key"}
_OTHERS = {"tailscale_client_secret": "an OAuth client's secret", "tailscale_token": "an API access token"}


def device_verifiers(config: TenantConfig, place: Places, every_s: float) -> list[DeviceListVerifier]:
    """The verifiers, whose lists are read every `every_s`. Raises `LocalError` for a URL that is none."""
    verifiers = []
    every_s = max(every_s, LEAST_REFRESH_S)
    if name := _given(config, "tailscale_client_secret") or _given(config, "tailscale_token"):
        api = _api("tailscale", config.tailscale_api_url, place(name), place("tailscale_api_url"))
        secret = _secret(config, name, place)
        source = TailscaleDevices(api, secret, config.tailscale_tailnet, config.tailscale_client_id)
        verifiers.append(DeviceListVerifier(source, every_s))
    if config.headscale_url and (name := _given(config, "headscale_api_key")):
        api = _api("headscale", config.headscale_url, place(name), place("headscale_url"))
        verifiers.append(DeviceListVerifier(HeadscaleDevices(api, _secret(config, name, place)), every_s))
    return verifiers


def device_api_findings(config: TenantConfig, place: Places) -> Iterator[Finding]:
    """What is wrong with how they are named, without looking at anything."""
    for url, example in (("tailscale_api_url", TAILSCALE_API), ("headscale_url", _HEADSCALE_URL)):
        if text := getattr(config, url):
            try:
                _api_url(text)
            except LocalError:
                yield findings.bad_api_url(place(url), text, example)
    for name in _EXPECTED:
        if value := getattr(config, name):
            yield from _secret_faults(name, value, place(name))
    given = [
        setting
        for name in ("tailscale_client_secret", "tailscale_token")
        for setting in (name, name + "_file")
        if getattr(config, setting)
    ]
    if len(given) > 1:
        yield findings.options_exclude(place(given[0]), place(given[1]))
    if config.headscale_api_key and config.headscale_api_key_file:
        yield findings.options_exclude(place("headscale_api_key"), place("headscale_api_key_file"))
    credential = _given(config, "headscale_api_key")
    if bool(credential) != bool(config.headscale_url):
        one, missing = (credential, "headscale_url") if credential else ("headscale_url", "headscale_api_key_file")
        yield findings.verify_setting_unused(place(one), findings.sibling(place(one), missing))
    defaults = (("tailscale_client_id", ""), ("tailscale_tailnet", "-"), ("tailscale_api_url", TAILSCALE_API))
    for name, default in defaults:
        if not given and getattr(config, name) != default:
            missing = findings.sibling(place(name), "tailscale_client_secret_file")
            yield findings.verify_setting_unused(place(name), missing)


def secret_file_findings(config: TenantConfig) -> Iterator[Finding]:
    """Files with credentials that other users of this machine can read."""
    for name in _EXPECTED:
        path: Path | None = getattr(config, name + "_file")
        if path is not None:
            yield from secret_findings(path)


def _given(config: TenantConfig, name: str) -> str:
    """The setting that has this credential, by itself or as a file; empty if none has."""
    return next((setting for setting in (name, name + "_file") if getattr(config, setting)), "")


def _secret(config: TenantConfig, setting: str, place: Places) -> Callable[[], str]:
    """Gives the credential. Raises `MachineError` for a file that cannot be read or has none."""
    value: str | Path = getattr(config, setting)
    if isinstance(value, str):
        return lambda: value
    path = value

    def read() -> str:
        text = read_file(path, place(setting)).decode("utf-8", "replace").strip()
        for finding in _secret_faults(setting.removesuffix("_file"), text, place(setting), str(path)):
            raise MachineError(finding)
        return text

    return read


def _secret_faults(name: str, text: str, place: Place, path: str = "") -> Iterator[Finding]:
    """Why `text` cannot be the credential `name`. Only what surely is none is refused: their forms change."""
    found = ""
    if not text:
        found = "nothing"
    elif not text.isascii() or not text.isprintable() or " " in text:
        found = "something with white space or characters that none has"
    else:
        kind = next((kind for prefix, kind in _KINDS.items() if text.startswith(prefix)), name)
        if kind != name:
            found = _OTHERS.get(kind, kind)
    if found:
        yield findings.credential_malformed(place, _EXPECTED[name], found, path)


def _api(kind: Kind, url: str, setting: Place, url_setting: Place) -> Api:
    parsed = _api_url(url)
    return Api(kind, parsed, setting, url_setting, trust_of(parsed))


def _api_url(text: str) -> VerifyUrl:
    """Raises `LocalError` for what is no URL, and for one that has what would be left out."""
    url = parse_url(text)
    if url.credentials or "?" in url.target:
        raise LocalError("a URL with more than host and path")
    return url
