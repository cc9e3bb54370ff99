"""Where a map is pushed to: a tailnet's policy by Tailscale's API, or a file. Reading, and writing what was changed.

Neither overwrites what somebody else has written since it was read: the API is told the policy's ETag, a file is looked
at again. Source: https://tailscale.com/api, ``GET`` and ``POST /tailnet/{tailnet}/acl``, ``POST …/acl/validate``, and
what the reference's own ``cmd/gitops-pusher`` makes of them (an answer with a message means that it is not valid).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

import msgspec

from tailhub.exceptions import LocalError, MachineError, RemoteError, UsageError
from tailhub.findings import map_push as findings
from tailhub.server.file_edit import replace_file, target_of
from tailhub.server.map_pusher import TAILSCALE, Destination
from tailhub.server.state_files import alone_in
from tailhub.tools.map_source import MapText, form_of
from tailhub.verifiers.api_client import NOT_JSON, Api, ApiStatusError
from tailhub.verifiers.tailscale_api import AccessTokens
from tailhub.verifiers.url import parse_url, trust_of
from tailhub.verifiers.verifier import trouble, words

__all__ = ["Place", "PolicyText", "place_of"]

MAX_POLICY_BYTES = 16 << 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PolicyText:
    """What stands there, and by what its next writer shows that it is still that: an ETag for Tailscale's policy."""

    text: MapText
    version: str = ""


class Place(Protocol):
    """One place. `name` is for people, and the same place has the same one."""

    name: str

    async def read(self) -> PolicyText:
        """What stands there. Raises `MachineError`."""

    async def write(self, before: PolicyText, text: str) -> None:
        """Put `text` there, in place of what was read. Raises `MachineError`; nothing has changed then."""


def place_of(destination: Destination) -> Place:
    """Where it leads. Raises `MachineError`, `UsageError`."""
    if destination.to != TAILSCALE:
        return FilePlace(Path(destination.to).expanduser())
    try:
        url = parse_url(destination.api_url)
    except LocalError as exc:
        raise UsageError(findings.bad_push_target(destination.api_url)) from exc
    api = Api("tailscale", url, "", "", trust_of(url))
    return TailscalePlace(api, destination.secret, destination.tailnet)


class FilePlace:
    """A policy, a map in JSON, or YAML for Headscale. One that is not there is begun."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    async def read(self) -> PolicyText:
        """The file."""
        return self._guarded(self._read)

    async def write(self, before: PolicyText, text: str) -> None:
        """Replaced whole, with its mode and owner."""
        self._guarded(lambda: self._write(before, text))

    def _read(self) -> PolicyText:
        try:
            text = self._path.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            text = "{}\n" if form_of("", self.name) == "hujson" else ""
        return PolicyText(MapText(text, form_of(text, self.name), self.name))

    def _write(self, before: PolicyText, text: str) -> None:
        with alone_in(target_of(self._path).parent):
            if self._read().text.text != before.text.text:
                raise MachineError(findings.policy_changed_meanwhile(self.name))
            replace_file(self._path, text.encode("utf-8", "surrogateescape"))

    def _guarded(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except OSError as exc:
            raise MachineError(findings.map_push_failed(self.name, exc.strerror or str(exc), is_file=True)) from exc


class _Verdict(msgspec.Struct):
    """Of a policy, where there is something to say: ``data`` has the tests that fail."""

    message: str = ""
    data: list[dict[str, object]] | None = None


class TailscalePlace:
    """A tailnet's policy. `secret` is an API access token or an OAuth client's secret that may write the policy."""

    def __init__(self, api: Api, secret: Callable[[], str], tailnet: str = "-") -> None:
        self.name = f"{api.name}tailnet/{tailnet}" if api.name.endswith("/") else f"{api.name}/tailnet/{tailnet}"
        self._api = api
        self._secret = secret
        self._path = f"/api/v2/tailnet/{quote(tailnet, safe='')}/acl"
        self._tokens = AccessTokens(api)

    async def read(self) -> PolicyText:
        """The policy as people wrote it, with its comments."""
        try:
            token = await self._tokens.token_for(self._secret())
            answer = await self._api.get(self._path, token, MAX_POLICY_BYTES, accept="application/hujson")
        except (OSError, RemoteError) as exc:
            raise self._failed(exc) from exc
        if answer.header(b"content-type").startswith("text/html"):
            raise MachineError(findings.map_push_failed(self.name, "a web page"))
        version = answer.header(b"etag")
        if not version:
            raise MachineError(findings.map_push_failed(self.name, "the policy came without an ETag"))
        return PolicyText(MapText(answer.body.decode("utf-8", "surrogateescape"), "hujson", self.name), version)

    async def write(self, before: PolicyText, text: str) -> None:
        """Have it validated, then put there, if the policy is still what was read."""
        body = text.encode("utf-8", "surrogateescape")
        document = before.text.syntax.parse(text)
        plain = json.dumps(document.plain(document.root), ensure_ascii=False).encode("utf-8", "surrogateescape")
        try:
            token = await self._tokens.token_for(self._secret())
            verdict = await self._api.post(f"{self._path}/validate", token, plain, "application/hujson")
            if problem := _problem(verdict.body):
                raise MachineError(findings.policy_refused(self.name, problem))
            conditions = [("If-Match", before.version)]
            await self._api.post(self._path, token, body, "application/hujson", conditions)
        except (OSError, RemoteError) as exc:
            raise self._failed(exc) from exc

    def _failed(self, exc: OSError | RemoteError) -> MachineError:
        match exc:
            case ApiStatusError(status=412):
                return MachineError(findings.policy_changed_meanwhile(self.name))
            case ApiStatusError(status=400):
                return MachineError(findings.policy_refused(self.name, str(exc)))
            case ApiStatusError(status=401 | 403):
                return MachineError(findings.push_credential_refused(self.name, str(exc)))
        return MachineError(
            findings.map_push_failed(self.name, trouble(exc) if isinstance(exc, OSError) else words(exc))
        )


def _problem(body: bytes) -> str:
    """Why a policy is not valid, "" if it is; warnings are none."""
    if not body.strip():
        return ""
    try:
        verdict = msgspec.json.decode(body, type=_Verdict)
    except NOT_JSON as exc:
        return words(exc)
    if verdict.message == "warning(s) found":
        return ""
    tests = "; ".join(str(error) for one in verdict.data or () for error in _errors(one))
    return words(f"{verdict.message}: {tests}" if tests else verdict.message)


def _errors(test: dict[str, object]) -> list[object]:
    errors = test.get("errors")
    return errors if isinstance(errors, list) else []
