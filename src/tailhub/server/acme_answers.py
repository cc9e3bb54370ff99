"""Makes an ACME server's challenges come true: on the plain HTTP port, on the TLS port, in the DNS.

Called in the ACME client's thread; what is served from it are a dictionary of tokens and small files, which the event
loops only read.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from datetime import UTC, datetime

from tailhub.certs.acme_challenge import DNS_01, HTTP_01, Challenge, alpn_server_name
from tailhub.certs.acme_errors import AcmeError
from tailhub.certs.acme_hook import hook_environment, run_hook
from tailhub.certs.tls_alpn import make_answer
from tailhub.log_event import log_event
from tailhub.server.acme_files import AcmeFiles

__all__ = ["HttpTokens", "RelayAnswers"]

HttpTokens = dict[str, bytes]
"""What the plain port answers below ``/.well-known/acme-challenge/``, by token."""

_log = logging.getLogger("tailhub")


class RelayAnswers:
    """For one order. `hook` and `cleanup_hook` are commands, empty for none."""

    def __init__(self, files: AcmeFiles, tokens: HttpTokens, hook: str, cleanup_hook: str) -> None:
        self._files = files
        self._tokens = tokens
        self._hook = hook
        self._cleanup_hook = cleanup_hook
        self._http: list[str] = []
        self._alpn: list[str] = []
        self._dns: list[tuple[str, str, str, int, str]] = []

    def put(self, challenge: Challenge, identifier: str, token: str, key_authorization: str, left: int) -> None:
        """See `tailhub.certs.acme_client.Answers`."""
        if challenge == HTTP_01:
            self._http.append(token)
            self._tokens[token] = key_authorization.encode()
        elif challenge == DNS_01:
            self._put_dns(identifier, token, key_authorization, left)
        else:
            name = alpn_server_name(identifier)
            self._alpn.append(name)
            self._files.put_challenge(name, make_answer(identifier, key_authorization, datetime.now(UTC)))

    def _put_dns(self, identifier: str, token: str, key_authorization: str, left: int) -> None:
        digest = hashlib.sha256(key_authorization.encode()).digest()
        validation = base64.urlsafe_b64encode(digest).decode().rstrip("=")  # RFC 8555 section 8.4
        output = run_hook(self._hook, hook_environment(os.environ, identifier, validation, token, left))
        self._dns.append((identifier, validation, token, left, output))

    def remove(self) -> None:
        """See `tailhub.certs.acme_client.Answers`. What cannot be taken back is said, and does no harm."""
        while self._http:
            self._tokens.pop(self._http.pop(), None)
        while self._alpn:
            self._files.remove_challenge(self._alpn.pop())
        while self._dns:
            identifier, validation, token, left, output = self._dns.pop()
            if not self._cleanup_hook:
                continue
            environ = hook_environment(os.environ, identifier, validation, token, left, output)
            try:
                run_hook(self._cleanup_hook, environ)
            except AcmeError as exc:
                extra = log_event("certificate", name=identifier)
                _log.warning("the DNS record for %s may still be there: %s", identifier, exc, extra=extra)
