from __future__ import annotations

import os

import pytest

from tailhub.certs.acme_errors import AcmeError
from tailhub.certs.acme_hook import hook_environment, run_hook


def environment(**more: str) -> dict[str, str]:
    return hook_environment({**os.environ, **more}, "relay.example", "text", "token")


def test_hooks_get_what_certbot_gives() -> None:
    """A hook finds name and text in certbot's variables; what it prints is handed to the one that cleans up."""
    output = run_hook('echo "$CERTBOT_DOMAIN $CERTBOT_VALIDATION $CERTBOT_REMAINING_CHALLENGES"', environment())
    assert output == "relay.example text 0"
    cleaning = hook_environment({}, "relay.example", "text", "token", output=output)
    assert cleaning["CERTBOT_AUTH_OUTPUT"] == output
    assert "CERTBOT_AUTH_OUTPUT" not in environment()


def test_our_own_variables_stay_with_us() -> None:
    """No variable of the relay's own reaches a hook: one of them may be a secret."""
    assert not [name for name in environment(TAILHUB_ACME_EAB_KEY="secret") if name.startswith("TAILHUB_")]


def test_a_hook_that_fails_says_why() -> None:
    """A command that fails is an error with its code and its last line."""
    with pytest.raises(AcmeError, match="ended with code 3: no such zone"):
        run_hook("echo first >&2; echo no such zone >&2; exit 3", environment())
