"""What a relay must have before it serves anybody: state, key, certificate, sockets.

Opened in one go, without an event loop, before a process may split into several; everything that can fail for a reason
that a person must mend fails here.
"""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from tailhub import box, findings
from tailhub.certs.files import Certificate
from tailhub.certs.sources import CertSource, FixedSource
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.keys import MeshKey
from tailhub.net.bind import bind_unix, raise_descriptor_limit
from tailhub.net.listen_spec import ListenSpec, UnixSpec
from tailhub.relay.admission import AdmissionPolicy
from tailhub.server.config import ListenerConfig, RelayConfig
from tailhub.server.file_sources import file_source
from tailhub.server.limits_config import doubtful_limits, limits_of
from tailhub.server.listener_record import describe_listeners, origin_of
from tailhub.server.listeners import BoundListeners, ListenSpecs, bind_listeners
from tailhub.server.pinned_pair import pair_paths
from tailhub.server.rate_config import load_rate_limit
from tailhub.server.served_certificates import load_sources, traces_of
from tailhub.server.state import StateDir, directory_finding, mesh_key, relay_name
from tailhub.server.state_place import ADMIN_SOCKET, locate, other_states, refuse_new_pin
from tailhub.server.state_swap import is_unfinished
from tailhub.server.systemd import inherited_sockets, keep_sockets, release_sockets

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
        if self.config.state_dir is None and not self.config.new_state and not is_unfinished(path):
            refuse_new_pin(path, self._pinned_ports(), os.environ)
        self.state = StateDir.open(path)
        self._undo.callback(self.state.close)
        self.private_key, found = self.state.relay_key(self.config.key_file, self.config.place("key_file"))
        self.public_key = box.public_key(self.private_key)
        self.notes += [*found, *self.state.operator_token()]
        self.uses_acme = any(one.tls and one.acme for one in self.config.listeners)
        self.sources = [self._source(listener) for listener in self.config.listeners]
        self.loaded_from = traces_of(self.sources)
        self.loaded = load_sources(self.sources, datetime.now(UTC))
        self.notes += [note for loaded in self.loaded if loaded is not None for note in loaded.notes]
        self.policy = AdmissionPolicy(self._load_mesh_key())
        key_limit, found = load_rate_limit(self.config)
        self.limits = limits_of(self.config, key_limit)
        self.notes += [*found, *doubtful_limits(self.config)]
        self.listeners = self._listen(workers)
        self._undo.callback(self.listeners.close)
        for spec in self.specs.public:
            if isinstance(spec, UnixSpec):
                self._undo.callback(spec.path.unlink, missing_ok=True)
        self.notes += self.listeners.notes
        ports = [bound.port for bound in self.listeners.shares[0]]
        names = ("key_file", "mesh_key_file", "acme_ca_file", "allow_list")
        values = {name: getattr(self.config, name) for name in names}
        elsewhere = {name: value for name, value in values.items() if isinstance(value, Path)}
        self.state.note_listeners(describe_listeners(self.config.listeners, ports, elsewhere))
        self.admin_socket = bind_unix(path / ADMIN_SOCKET)
        self._undo.callback((path / ADMIN_SOCKET).unlink, missing_ok=True)
        self._undo.callback(self.admin_socket.close)

    def _listen(self, workers: int) -> BoundListeners:
        """Bind what is not there from the last run or by a socket unit, and have the manager keep it for the next."""
        units, kept = inherited_sockets(os.environ)
        wanted = [sock for sock in kept if self.specs.wants(sock)]
        if len(wanted) < len(kept):
            for sock in kept:
                if sock not in wanted:
                    sock.close()
            release_sockets(os.environ)  # their ports may be wanted in another way
        listeners = bind_listeners(self.specs, workers, inherited=(*units, *wanted))
        if not units:  # which keep their own
            keep_sockets(os.environ, listeners.public_tcp)
        return listeners

    def _pinned_ports(self) -> set[int]:
        """The ports that are to be served with a pinned certificate."""
        listeners = zip(self.config.listeners, self.specs.public, strict=True)
        return {spec.port for one, spec in listeners if isinstance(spec, ListenSpec) and origin_of(one) == "pinned"}

    def _raise_descriptor_limit(self) -> int:
        """How many connections there may be on the public port; pages, files and imports need descriptors too."""
        _, limit = raise_descriptor_limit()
        if limit < 0:
            return sys.maxsize
        if limit < FEW_DESCRIPTORS:
            self.notes.append(findings.descriptor_limit_low(limit, max(0, limit - OWN_DESCRIPTORS)))
        return max(OWN_DESCRIPTORS // 4, limit - OWN_DESCRIPTORS)

    def _source(self, listener: ListenerConfig) -> CertSource | None:
        """Where the certificate of a listener comes from."""
        if not listener.tls:
            return None
        if (source := file_source(listener)) is not None:
            return source
        if listener.acme:
            return self._acme_source(listener)

        def pinned(now: datetime) -> tuple[Certificate, list[Finding]]:
            others = other_states(self.state.path, os.environ)
            name = relay_name(self.public_key, quiet=self.config.quiet)
            addresses = self.config.addresses
            certificate, found = self.state.certificate(name, listener.hostname, addresses, now, others, listener.pin)
            telling = [name for name in certificate.names if "tailhub" in name]
            if self.config.quiet and telling:  # made before that was asked for
                path = pair_paths(self.state.path, listener.pin)[0]
                found.append(findings.name_tells(str(path), telling[0], self.config.place("quiet")))
            return certificate, found

        return FixedSource(pair_paths(self.state.path, listener.pin)[0], pinned)

    def _acme_source(self, listener: ListenerConfig) -> CertSource:
        """From an ACME server, to begin with what another ACME client has left."""
        from tailhub.certs.acme_source import AcmeSource
        from tailhub.server.acme_cache import take_over
        from tailhub.server.acme_config import identifiers_of
        from tailhub.server.acme_files import AcmeFiles
        from tailhub.server.certificate_list import ACME

        own_name = relay_name(self.public_key, quiet=self.config.quiet)
        identifiers = identifiers_of(self.config, listener)
        source = AcmeSource(self.state.path / ACME, identifiers, own_name, listener.acme_directory)
        if listener.acme_cache is not None:
            place = listener.place("acme_cache")
            try:
                self.notes += take_over(
                    AcmeFiles(self.state.path), source, listener.acme_cache, place, datetime.now(UTC)
                )
            except OSError as exc:
                raise MachineError(directory_finding(self.state.path, exc)) from exc
        return source

    def _load_mesh_key(self) -> MeshKey | None:
        if self.config.mesh_key_file is None:
            return None
        key, found = mesh_key(self.config.mesh_key_file, self.config.place("mesh_key_file"))
        self.notes += found
        return key
