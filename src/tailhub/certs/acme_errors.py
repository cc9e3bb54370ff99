"""What went wrong with an ACME server, in words for people, whatever library said it. No key is ever in them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tailhub.exceptions import RemoteError

__all__ = ["AcmeError", "explain"]

_MAX_SUBPROBLEMS = 10
_MAX_LEN = 600  # characters; a server may say anything


class AcmeError(RemoteError):
    """No certificate was to be had. `wait`: how long the server wants to be left alone, if it said so."""

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        shown = "".join(letter if letter.isprintable() else " " for letter in message[:_MAX_LEN])
        super().__init__(shown, "acme")
        self.wait = wait


def explain(exc: Exception, directory: str) -> AcmeError:
    """An exception of ``acme``, ``josepy`` or ``requests`` as one of ours; `directory` is the server's URL."""
    import requests
    from acme import errors, messages

    match exc:
        case AcmeError():
            return exc
        case errors.ValidationError():
            return AcmeError("; ".join(_failed(authorization) for authorization in exc.failed_authzrs))
        case errors.IssuanceError():
            return AcmeError(_problem(exc.error))
        case messages.Error():
            wait = timedelta(hours=1) if exc.code == "rateLimited" else None
            return AcmeError(_problem(exc), wait)
        case errors.TimeoutError():
            return AcmeError("the server has not decided in time")
        case requests.exceptions.SSLError():
            return AcmeError(
                f"{directory} has a certificate that this machine does not trust; a CA of your own is set with "
                "acme_ca_file"
            )
        case requests.exceptions.Timeout():
            return AcmeError(f"{directory} does not answer in time")
        case requests.exceptions.ConnectionError():
            return AcmeError(f"{directory} cannot be reached")
        case requests.exceptions.TooManyRedirects():
            return AcmeError(f"{directory} leads from one redirect to the next")
        case OSError() if exc.strerror:  # ours: a disk that is full
            return AcmeError(f"{exc.strerror}: {exc.filename}" if exc.filename else exc.strerror)
        case errors.ClientError() | requests.exceptions.RequestException():
            return AcmeError(f"{directory} gave an answer that is not one of an ACME server")
    return AcmeError(
        f"{directory} gave an answer that is not one of an ACME server, as far as this client knows "
        f"({type(exc).__name__}: {exc})"
    )


def _problem(error: Any) -> str:
    """An error document of the server (RFC 7807)."""
    detail = error.detail or error.title or error.description or error.typ
    more = "; ".join(str(each.detail or each.typ) for each in (error.subproblems or ())[:_MAX_SUBPROBLEMS])
    return f"{detail}{f' ({more})' if more else ''}"


def _failed(authorization: Any) -> str:
    """Why the server does not believe in a name."""
    for challenge in authorization.body.challenges or ():
        if challenge.error is not None:
            return f"{authorization.body.identifier.value}, {challenge.chall.typ}: {_problem(challenge.error)}"
    return f"{authorization.body.identifier.value}: refused"
