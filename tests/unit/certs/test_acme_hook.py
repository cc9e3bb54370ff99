from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from tailhub.certs import acme_hook
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


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_hook_that_never_stops_printing_is_ended(stream: str) -> None:
    """What a command prints is bounded, and so is what is kept of it."""
    with pytest.raises(AcmeError, match="printed more than 1 MiB"):
        run_hook(f"yes >&{stream}", environment())


def test_a_hook_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not end is ended, and so is whatever it waits for."""
    monkeypatch.setattr(acme_hook, "LIMIT_S", 0.3)
    with pytest.raises(AcmeError, match="has not ended"):
        run_hook(f"sleep 600 & echo $! > {tmp_path}/pid; wait", environment())
    child = int((tmp_path / "pid").read_text())
    try:
        psutil.Process(child).wait(10)
    except psutil.NoSuchProcess:
        pass


def test_what_a_hook_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    """A command that leaves a process behind, with its output open, has ended when it has ended."""
    assert run_hook(f"echo done; sleep 600 & echo $! > {tmp_path}/pid", environment()) == "done"
    psutil.Process(int((tmp_path / "pid").read_text())).kill()


def test_a_variable_that_none_can_be() -> None:
    """A zero byte in a variable is an error like any other."""
    with pytest.raises(AcmeError, match="cannot be run"):
        run_hook("true", {"CERTBOT_DOMAIN": "a\0b"})
