"""Runs somebody's command that writes a record into the DNS, and the one that takes it away: certbot's manual hooks.

Contract (certbot's documentation, "Pre and Post Validation Hooks"): the shell runs the command with ``CERTBOT_DOMAIN``,
``CERTBOT_VALIDATION`` and ``CERTBOT_REMAINING_CHALLENGES``; what it prints is ``CERTBOT_AUTH_OUTPUT`` for the one that
cleans up. Stricter than certbot in one thing: a command that fails ends the attempt, and its last line is the reason.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from tailhub.certs.acme_errors import AcmeError

__all__ = ["hook_environment", "run_hook"]

LIMIT_S = 600.0  # a DNS provider may take minutes
_MAX_SHOWN = 300  # characters of its last line
_OWN_PREFIX = "TAILHUB_"


def hook_environment(
    environ: Mapping[str, str], domain: str, validation: str, token: str, left: int = 0, output: str | None = None
) -> dict[str, str]:
    """The variables of a hook; `output` is what the first one printed. Ours stay out: one of them may be a secret."""
    variables = {name: value for name, value in environ.items() if not name.startswith(_OWN_PREFIX)}
    variables |= {
        "CERTBOT_DOMAIN": domain,
        "CERTBOT_VALIDATION": validation,
        "CERTBOT_TOKEN": token,
        "CERTBOT_REMAINING_CHALLENGES": str(left),
        "CERTBOT_ALL_DOMAINS": domain,
    }
    if output is not None:
        variables["CERTBOT_AUTH_OUTPUT"] = output
    return variables


def run_hook(command: str, environ: Mapping[str, str]) -> str:
    """Run it to its end; what it printed. Blocks. Raises `AcmeError`."""
    try:
        done = subprocess.run(  # noqa: S602  it is the operator's own command line, as certbot takes it
            command,
            shell=True,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise AcmeError(f"the command `{command}` has not ended within {LIMIT_S:.0f} s") from exc
    except OSError as exc:
        raise AcmeError(f"the command `{command}` cannot be run: {exc.strerror or exc}") from exc
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = f": {lines[-1][:_MAX_SHOWN]}" if lines else ""
        raise AcmeError(f"the command `{command}` ended with code {done.returncode}{said}")
    return done.stdout.strip()
