"""What a relay must have before it serves anybody: state, key, certificate, sockets.

Opened in one go, without an event loop, before a process may split into several; everything that can fail for a reason
that a person must mend fails here.
"""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import UTC, datetime

from tailhub import box, findings
from tailhub.certs.files import Certificate, date_findings, load_pair, use_findings
from tailhub.findings import Finding
from tailhub.keys import MeshKey
from tailhub.net.bind import bind_unix, raise_descriptor_limit
from tailhub.net.listen_spec import UnixSpec
from tailhub.relay.admission import AdmissionPolicy
from tailhub.server.config import RelayConfig
from tailhub.server.listeners import ListenSpecs, bind_listeners
from tailhub.server.state import StateDir, mesh_key, relay_name
from tailhub.server.state_place import ADMIN_SOCKET, locate, other_states

FEW_DESCRIPTORS = 8192
OWN_DESCRIPTORS = 64


class Foundation:
    """Made open; raises `FindingError` with nothing left open. `notes` are findings for the first screen."""

    def __init__(self, config: RelayConfig, specs: ListenSpecs, workers: int = 1) -> None:
        """With several `workers` each gets sockets of its own on the public port: ``listeners.shares``."""
        self.config = config
        self.specs = specs
        self.notes: list[Finding] = []
        self._undo = contextlib.ExitStack()
        try:
            self._open(workers)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the sockets, unlock the state."""
        self._undo.close()

    def _open(self, workers: int) -> None:
        self.most_connections = self._raise_descriptor_limit()
        path = locate(self.config.state_dir, os.environ, os.geteuid() if hasattr(os, "geteuid") else None)
        self.state = StateDir.open(path)
        self._undo.callback(self.state.close)
        self.private_key, found = self.state.relay_key()
        self.public_key = box.public_key(self.private_key)
        self.notes += found
        self.certificate = self._load_certificate()
        self.policy = AdmissionPolicy(self._load_mesh_key())
        self.listeners = bind_listeners(self.specs, workers)
        self._undo.callback(self.listeners.close)
        for spec in self.specs.public:
            if isinstance(spec, UnixSpec):
                self._undo.callback(spec.path.unlink, missing_ok=True)
        self.notes += self.listeners.notes
        self.admin_socket = bind_unix(path / ADMIN_SOCKET)
        self._undo.callback((path / ADMIN_SOCKET).unlink, missing_ok=True)
        self._undo.callback(self.admin_socket.close)

    def _raise_descriptor_limit(self) -> int:
        """How many connections there may be on the public port; pages, files and imports need descriptors too."""
        _, limit = raise_descriptor_limit()
        if limit < 0:
            return sys.maxsize
        if limit < FEW_DESCRIPTORS:
            self.notes.append(findings.descriptor_limit_low(limit, max(0, limit - OWN_DESCRIPTORS)))
        return max(OWN_DESCRIPTORS // 4, limit - OWN_DESCRIPTORS)

    def _load_certificate(self) -> Certificate:
        config, now = self.config, datetime.now(UTC)
        if config.cert is not None and config.key is not None:
            certificate = load_pair(config.cert, config.key)
            self.notes += date_findings(certificate, config.cert, now)
            self.notes += use_findings(certificate, config.cert, config.hostname)
            return certificate.alone() if certificate.needs_pin else certificate
        others = other_states(self.state.path, os.environ)
        name = relay_name(self.public_key)
        certificate, found = self.state.certificate(name, config.hostname, config.addresses, now, others)
        self.notes += found
        return certificate

    def _load_mesh_key(self) -> MeshKey | None:
        if self.config.mesh_key_file is None:
            return None
        key, found = mesh_key(self.config.mesh_key_file)
        self.notes += found
        return key
