"""What a start imports, which is most of what it costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from support.relay_process import RelayProcess

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a relay runs on POSIX systems")

_IMPORT = re.compile(r"^import time: .*\| +(\S+)$", re.MULTILINE)  # CPython's PYTHONPROFILEIMPORTTIME
NOT_TO_LISTEN = {
    *("msgspec", "psutil", "tailhub.tailcfg.derpmap", "tailhub.web.pages", "tailhub.web.operator_pages"),
    *("sqlalchemy", "tailhub.store.journal", "tailhub.store.store"),
}
NOT_WITHOUT_ACME = {
    *("acme", "josepy", "requests", "tailhub.certs.acme_client", "tailhub.certs.acme_schedule"),
    *("tailhub.certs.acme_source", "tailhub.server.acme_files", "tailhub.server.acme_keeper"),
}
NOT_WITHOUT_POSTGRESQL = {"alembic", "asyncpg", "sqlalchemy.dialects.postgresql"}  # alembic: for an older store only
NOT_WITH_ONE_WORKER = {"tailhub.server.supervisor", "tailhub.server.worker"}
NOT_FOR_EVERYONE = {
    *("tailhub.server.access_actions", "tailhub.server.allow_file", "tailhub.relay.refusals"),
    *("starlette", "uvicorn", "tailhub.server.feed", "tailhub.server.client_feed", "tailhub.server.facts"),
    *("tailhub.admin.feed", "tailhub.admin.view", "tailhub.server.fleet"),
}
NOT_WITHOUT_NOTIFY = {"apprise", "tailhub.alerts.rules", "tailhub.server.notify_config", "tailhub.server.watchman"}
NOT_WITHOUT_MESH = {
    *("tailhub.server.mesh.mesh", "tailhub.server.mesh.links", "tailhub.server.mesh.link_state"),
    "tailhub.server.mesh.peer_spec",
    *("tailhub.relay.mesh_link", "tailhub.net.dialled_stream", "tailhub.net.connect", "tailhub.client.dial"),
    "tailhub.derp.client_protocol",
}
NOT_FOR_DERPER = {"tailhub.cli.derper", "tailhub.settings.original"}


def test_what_is_not_needed_to_listen_is_imported_later() -> None:
    """Before it listens, a relay imports neither pages nor the map, nor what reads the machine's numbers."""
    program = "import sys, tailhub.cli.app, tailhub.cli.relay; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "tailhub.server.app" in loaded
    assert not NOT_TO_LISTEN.intersection(loaded)


def test_what_nobody_asked_for_is_not_imported() -> None:
    """A relay in one process, without ACME and for everyone, imports nothing that only others need, even when idle."""
    with RelayProcess(environ={"PYTHONPROFILEIMPORTTIME": "1"}) as relay:
        assert relay.map_url  # the first screen is there
        loaded = set(_IMPORT.findall(relay.log()))
    assert "tailhub.web.operator_pages" in loaded
    not_asked_for = NOT_WITHOUT_ACME | NOT_WITHOUT_POSTGRESQL | NOT_WITH_ONE_WORKER | NOT_FOR_EVERYONE | NOT_FOR_DERPER
    not_asked_for |= NOT_WITHOUT_NOTIFY | NOT_WITHOUT_MESH
    assert not loaded & not_asked_for, sorted(loaded & not_asked_for)
