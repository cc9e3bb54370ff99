"""What a relay must have before it serves anybody: state, key, certificate, sockets.

Opened in one go, without an event loop, before a process may split into several; everything that can fail for a reason
that a person must mend fails here.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from tailhub import box, findings
from tailhub.certs.files import Certificate
from tailhub.certs.sources import CertSource, FixedSource, Loaded, Traces
from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.keys import MeshKey
from tailhub.net.bind import bind_unix, raise_descriptor_limit
from tailhub.net.listen_spec import ListenSpec, UnixSpec
from tailhub.relay.admission import AdmissionPolicy
from tailhub.relay.limits import Limits
from tailhub.server.config import ListenerConfig, RelayConfig
from tailhub.server.file_sources import file_source
from tailhub.server.limits_config import doubtful_limits, limits_of
from tailhub.server.listener_record import describe_listeners, origin_of
from tailhub.server.listeners import (
    BoundListeners,
    ListenSpecs,
    bind_listeners,
    kept_listeners,
    parse_listeners,
    rebind,
)
from tailhub.server.pinned_pair import pair_paths
from tailhub.server.probe_key import admitted_keys
from tailhub.server.rate_config import load_rate_limit
from tailhub.server.served_certificates import load_sources, traces_of
from tailhub.server.state import StateDir, directory_finding, mesh_keys, relay_name
from tailhub.server.state_place import ADMIN_SOCKET, locate, other_states, refuse_new_pin
from tailhub.server.state_swap import is_unfinished
from tailhub.server.systemd import inherited_sockets, keep_sockets, release_sockets

FEW_DESCRIPTORS = 8192
OWN_DESCRIPTORS = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """What a configuration comes to: checked and open. `doubts` are what is worth noting about it."""

    config: RelayConfig
    specs: ListenSpecs
    sources: list[CertSource | None]
    loaded_from: list[Traces]  # what the sources looked like before `loaded` was
    loaded: list[Loaded | None]
    policy: AdmissionPolicy
    limits: Limits
    listeners: BoundListeners
    doubts: tuple[Finding, ...]


class Foundation:
    """Made open; raises `FindingError` with nothing left open. `notes` are findings for the first screen."""

    sources: list[CertSource | None]
    loaded_from: list[Traces]
    loaded: list[Loaded | None]
    policy: AdmissionPolicy
    limits: Limits
    listeners: BoundListeners
    doubts: tuple[Finding, ...]

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
        config = self.config
        path = locate(config.state_dir, os.environ, os.geteuid() if hasattr(os, "geteuid") else None)
        if config.state_dir is None and not config.new_state and not is_unfinished(path):
            refuse_new_pin(path, self._pinned_ports(), os.environ)
        self.state = StateDir.open(path)
        self._undo.callback(self.state.close)
        self.private_key, found = self.state.relay_key(config.key_file, config.place("key_file"))
        self.public_key = box.public_key(self.private_key)
        self.notes += [*found, *self.state.operator_token()]
        self.known_tenants: tuple[str, ...] = ()
        self._set(self._prepare(config, self.specs, lambda: self._listen(workers)))
        self.notes += self.doubts
        self._undo.callback(self._close_listeners)
        self._describe_listeners()
        self.admin_socket = bind_unix(path / ADMIN_SOCKET)
        self._undo.callback((path / ADMIN_SOCKET).unlink, missing_ok=True)
        self._undo.callback(self.admin_socket.close)

    def _prepare(self, config: RelayConfig, specs: ListenSpecs, listen: Callable[[], BoundListeners]) -> Standing:
        notes: list[Finding] = []
        sources = self.sources_of(config, notes)
        loaded_from = traces_of(sources)
        loaded = load_sources(sources, datetime.now(UTC))
        notes += [note for one in loaded if one is not None for note in one.notes]
        keys, found = _load_mesh_keys(config)
        key_limit, more = load_rate_limit(config)
        probe_keys, own = self._probe_keys(config)
        notes += [*found, *more, *own, *doubtful_limits(config)]
        listeners = listen()
        return Standing(
            config=config,
            specs=specs,
            sources=sources,
            loaded_from=loaded_from,
            loaded=loaded,
            policy=AdmissionPolicy(keys, probe_keys=probe_keys),
            limits=limits_of(config, key_limit),
            listeners=listeners,
            doubts=(*notes, *listeners.notes),
        )

    def _probe_keys(self, config: RelayConfig) -> tuple[frozenset[bytes], list[Finding]]:
        """Those of the relay's own probe, if it has one."""
        if not config.own_probe:
            return frozenset(), []
        key, found = self.state.probe_key()
        return (admitted_keys(key) if key is not None else frozenset()), found

    # --- a reload -----------------------------------------------------------------------------------------------------

    def prepare(self, config: RelayConfig) -> Standing:
        """All that another configuration needs, checked and open, for `take`.

        Raises `FindingError`; nothing has changed then. Blocks as long as files do.
        """
        specs = parse_listeners(config)
        kept = kept_listeners(self.specs, specs)
        return self._prepare(config, specs, lambda: rebind(self.listeners, specs, kept))

    def take(self, standing: Standing) -> Standing:
        """Stand on this from now on; what it was before, whose sockets are still open."""
        before = Standing(**{one.name: getattr(self, one.name) for one in fields(Standing)})
        self._set(standing)
        return before

    def leave(self, before: Standing) -> None:
        """Close and forget what only `before` needed."""
        before.listeners.close_but(self.listeners)
        for path in _unix_paths(before.specs) - _unix_paths(self.specs):
            path.unlink(missing_ok=True)

    def keep_listeners(self) -> None:
        """Tell the service manager, and the state, where we listen now. Only where they were opened."""
        if not self._units:
            keep_sockets(os.environ, self.listeners.public_tcp)
        self._describe_listeners()

    def _set(self, standing: Standing) -> None:
        for one in fields(Standing):
            setattr(self, one.name, getattr(standing, one.name))
        self.uses_acme = any(one.tls and one.acme for one in self.config.listeners)
        names = (*self.known_tenants, *(tenant.tenant for tenant in self.config.tenants))
        self.known_tenants = tuple(dict.fromkeys(names))

    def _close_listeners(self) -> None:
        self.listeners.close()
        for path in _unix_paths(self.specs):
            path.unlink(missing_ok=True)

    def _describe_listeners(self) -> None:
        ports = [bound.port for bound in self.listeners.shares[0]]
        names = ("key_file", "mesh_key_file", "acme_ca_file", "allow_list")
        values = {name: getattr(self.config, name) for name in names}
        elsewhere = {name: value for name, value in values.items() if isinstance(value, Path)}
        self.state.note_listeners(describe_listeners(self.config.listeners, ports, elsewhere))

    def _listen(self, workers: int) -> BoundListeners:
        """Bind what is not there from the last run or by a socket unit, and have the manager keep it for the next."""
        units, kept = inherited_sockets(os.environ)
        self._units = bool(units)
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

    @property
    def may_refuse(self) -> bool:
        """May the public sockets be made to refuse connections? Of a socket unit systemd would say that it failed."""
        return not self._units

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

    def sources_of(self, config: RelayConfig, notes: list[Finding] | None = None) -> list[CertSource | None]:
        """Where the certificates come from. With `notes`, of what is doubtful, others' certificates are taken over."""
        return [self._source(config, listener, notes) for listener in config.listeners]

    def _source(self, config: RelayConfig, listener: ListenerConfig, notes: list[Finding] | None) -> CertSource | None:
        """Where the certificate of a listener comes from."""
        if not listener.tls:
            return None
        if (source := file_source(listener)) is not None:
            return source
        if listener.acme:
            return self._acme_source(config, listener, notes)

        def pinned(now: datetime) -> tuple[Certificate, list[Finding]]:
            others = other_states(self.state.path, os.environ)
            name = relay_name(self.public_key, quiet=config.quiet)
            addresses = config.addresses
            certificate, found = self.state.certificate(name, listener.hostname, addresses, now, others, listener.pin)
            telling = [name for name in certificate.names if "tailhub" in name]
            if config.quiet and telling:  # made before that was asked for
                path = pair_paths(self.state.path, listener.pin)[0]
                found.append(findings.name_tells(str(path), telling[0], config.place("quiet")))
            return certificate, found

        return FixedSource(pair_paths(self.state.path, listener.pin)[0], pinned)

    def _acme_source(self, config: RelayConfig, listener: ListenerConfig, notes: list[Finding] | None) -> CertSource:
        """From an ACME server, to begin with what another ACME client has left."""
        from tailhub.certs.acme_source import AcmeSource
        from tailhub.server.acme_cache import take_over
        from tailhub.server.acme_config import identifiers_of
        from tailhub.server.acme_files import AcmeFiles
        from tailhub.server.certificate_list import ACME

        own_name = relay_name(self.public_key, quiet=config.quiet)
        identifiers = identifiers_of(config, listener)
        source = AcmeSource(self.state.path / ACME, identifiers, own_name, listener.acme_directory)
        if listener.acme_cache is not None and notes is not None:
            place = listener.place("acme_cache")
            try:
                notes += take_over(AcmeFiles(self.state.path), source, listener.acme_cache, place, datetime.now(UTC))
            except OSError as exc:
                raise MachineError(directory_finding(self.state.path, exc)) from exc
        return source


def _load_mesh_keys(config: RelayConfig) -> tuple[tuple[MeshKey, ...], list[Finding]]:
    if config.mesh_key_file is None:
        return (), []
    return mesh_keys(config.mesh_key_file, config.place("mesh_key_file"))


def _unix_paths(specs: ListenSpecs) -> set[Path]:
    return {spec.path for spec in specs.public if isinstance(spec, UnixSpec)}
