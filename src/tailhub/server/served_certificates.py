"""Which certificate a client gets: by the listener where it connects and the name that it asks for.

Knows the certificates and their TLS contexts, one each, made before anyone needs it; a login costs a dictionary lookup.
Not here: where certificates come from (`tailhub.certs.sources`), and when to look again (`CertificateWatch`).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from tailhub import findings
from tailhub.certs.files import Certificate
from tailhub.certs.sources import CertSource, Loaded, Traces
from tailhub.exceptions import MachineError
from tailhub.findings import Finding

__all__ = [
    "RETRY_LOOKS",
    "CertificateWatch",
    "MakeContext",
    "ServedCertificates",
    "load_sources",
    "reload",
    "traces_of",
]

RETRY_LOOKS = 15

MakeContext: TypeAlias = Callable[[Certificate], ssl.SSLContext]


class _Choice:
    """The contexts of one listener, by name."""

    __slots__ = ("default", "exact", "wildcard")

    def __init__(self, certificates: Sequence[Certificate], make_context: MakeContext) -> None:
        contexts = [(certificate, make_context(certificate)) for certificate in certificates]
        self.default = contexts[0][1]
        self.exact: dict[str, ssl.SSLContext] = {}
        self.wildcard: dict[str, ssl.SSLContext] = {}  # by what is behind the star
        for certificate, context in contexts:
            for name in certificate.names:
                if name.startswith("*."):
                    self.wildcard.setdefault(name[2:], context)
                else:
                    self.exact.setdefault(name, context)


class ServedCertificates:
    """The certificates of all listeners, in the configuration's order; None for a listener without TLS."""

    def __init__(self, loaded: Sequence[Loaded | None], make_context: MakeContext) -> None:
        self._choices: list[_Choice | None] = []
        self.set(loaded, make_context)

    def set(self, loaded: Sequence[Loaded | None], make_context: MakeContext) -> None:
        """Serve these from now on, of other listeners; open connections keep theirs."""
        self._loaded = list(loaded)
        self.renew(make_context)

    def renew(self, make_context: MakeContext) -> None:
        """Make all contexts anew; open connections keep theirs."""
        self._choices = [_Choice(one.certificates, make_context) if one else None for one in self._loaded]
        self._make_context = make_context

    def replace(self, listener: int, loaded: Loaded) -> None:
        """Serve something else from now on."""
        choice = _Choice(loaded.certificates, self._make_context)
        self._loaded[listener], self._choices[listener] = loaded, choice

    def context_for(self, listener: int, name: str | None) -> ssl.SSLContext:
        """The TLS context for a client that asked for `name` (in lower case), None without."""
        choice = self._choices[listener]
        assert choice is not None  # noqa: S101  nobody begins TLS where there is none
        if name is None:
            return choice.default
        context = choice.exact.get(name)
        if context is None and choice.wildcard:
            context = choice.wildcard.get(name.partition(".")[2])
        return context or choice.default

    def has_name(self, listener: int, name: str) -> bool:
        """Whether a certificate is for `name` itself, not by a star."""
        choice = self._choices[listener]
        return choice is not None and name in choice.exact

    def certificate(self, listener: int = 0) -> Certificate | None:
        """The one that clients get who ask for no known name; None without TLS."""
        loaded = self._loaded[listener]
        return loaded.certificates[0] if loaded is not None else None

    @property
    def all(self) -> list[tuple[Certificate, ...]]:
        """Everything that each listener serves, by name."""
        return [loaded.certificates if loaded is not None else () for loaded in self._loaded]

    @property
    def defaults(self) -> list[Certificate | None]:
        """`certificate` of each listener."""
        return [self.certificate(number) for number in range(len(self._loaded))]


def traces_of(sources: Sequence[CertSource | None]) -> list[Traces]:
    """What each source looks like from outside, before it is loaded."""
    return [source.traces() if source is not None else () for source in sources]


def load_sources(sources: Sequence[CertSource | None], now: datetime) -> list[Loaded | None]:
    """What each source has. Raises `MachineError` for the first that has nothing to serve."""
    return [source.load(now) if source is not None else None for source in sources]


@dataclass(slots=True)
class _Looked:
    traces: Traces  # of the last look
    served: Traces  # of what is served, or was found to be unfit
    looks_left: int = 0  # until what was unfit is tried again; 0: nothing was


class CertificateWatch:
    """Finds out, look by look, which sources have changed.

    A change counts when two looks in a row see the same, so that a tool can write one file after the other. What was
    unfit is tried again after `RETRY_LOOKS`: its reason may be one that no file shows, a directory's mode for example.
    """

    def __init__(self, sources: Sequence[CertSource | None], loaded_from: Sequence[Traces]) -> None:
        """`loaded_from` are the traces of each source from just before what is served was loaded."""
        self._sources = [
            (number, source) for number, source in enumerate(sources) if source is not None and source.changes
        ]
        self._looked = {number: _Looked(traces, loaded_from[number]) for number, traces in self._look()}

    def _look(self) -> list[tuple[int, Traces]]:
        return [(number, source.traces()) for number, source in self._sources]

    @property
    def has_files(self) -> bool:
        """Is there anything to look at?"""
        return bool(self._sources)

    def changed(self) -> list[tuple[int, CertSource]]:
        """The sources to load now, with the numbers of their listeners. Looks at files; call it again and again."""
        due = []
        for (number, traces), (_, source) in zip(self._look(), self._sources, strict=True):
            looked = self._looked[number]
            is_settled, looked.traces = traces == looked.traces, traces
            is_due = is_settled and traces != looked.served
            if looked.looks_left:
                looked.looks_left -= 1
                is_due = is_due or not looked.looks_left
            if is_due:
                looked.served, looked.looks_left = traces, 0
                due.append((number, source))
        return due

    def unfit(self, number: int) -> None:
        """What listener `number` has now cannot be served."""
        self._looked[number].looks_left = RETRY_LOOKS

    def fit(self, number: int) -> None:
        """It is served."""
        self._looked[number].looks_left = 0


def reload(source: CertSource, now: datetime) -> Loaded | Finding:
    """What the source has now, or why that cannot be used."""
    try:
        return source.load(now)
    except MachineError as exc:
        return exc.finding if isinstance(exc.finding, Finding) else findings.file_trouble(source.place, str(exc))
