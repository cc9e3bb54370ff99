"""Gets a certificate from an ACME server (RFC 8555), with the libraries ``acme`` and ``josepy``. Blocks: use a thread.

Knows no files, no clock to renew by and no listener: whoever calls hands over keys, an `Answers` that makes challenges
come true, and keeps what is to be kept. Every trouble is an `AcmeError`, whose words have no key in them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tailhub.certs.acme_challenge import TLS_ALPN_01, Challenge
from tailhub.certs.acme_errors import AcmeError, explain
from tailhub.certs.acme_schedule import Window
from tailhub.certs.acme_source import is_ip

if TYPE_CHECKING:
    from acme.client import ClientV2
    from cryptography.x509 import Certificate as X509Certificate

    from tailhub.certs.acme_network import BoundedAdapter

__all__ = ["AcmeClient", "Answers", "Server", "make_key", "renewal_path"]

SHORT_LIVED = "shortlived"  # the profile under which Let's Encrypt issues for addresses
ORDER_S = 180.0  # for the server to look and to issue
NETWORK_TIMEOUT_S = 30
ATTEMPTS = 3  # where the server refuses a nonce, which it may do at any time
T = TypeVar("T")
DEFAULT_ASK = timedelta(hours=6)  # between two questions for the window, where the server says nothing


@dataclass(frozen=True, slots=True)
class Server:
    """Which server, and who we are there. `eab_key` is in base64 (URL form), as CAs hand it out."""

    directory: str
    email: str = ""
    eab_kid: str = ""
    eab_key: str = field(default="", repr=False)
    ca_file: str = ""


class Answers(Protocol):
    """Makes a challenge come true, and takes that back."""

    def put(self, challenge: Challenge, identifier: str, token: str, key_authorization: str, left: int) -> None:
        """The server may look any moment; `left` more follow. Raises `AcmeError`, `OSError`."""

    def remove(self) -> None:
        """Take back all that was put."""


def make_key() -> bytes:
    """A new P-256 key in PEM, for an account or a certificate."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def renewal_path(leaf: X509Certificate) -> str:
    """How the server calls a certificate when it is asked for its window: RFC 9773 section 4.1."""
    from cryptography import x509

    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
    serial = leaf.serial_number.to_bytes(leaf.serial_number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (authority, serial))


class AcmeClient:
    """One account at one server. `account_uri` is empty until there is an account; `on_account` is told its URI."""

    def __init__(self, server: Server, account_key: bytes, account_uri: str, on_account: Callable[[str], None]) -> None:
        self._server = server
        self._account_key = account_key
        self._account_uri = account_uri
        self._on_account = on_account
        self._client: ClientV2 | None = None
        self._adapter: BoundedAdapter | None = None

    # --- what others ask it -------------------------------------------------------------------------------------------

    def obtain(
        self,
        identifiers: Sequence[str],
        key: bytes,
        challenge: Challenge,
        answers: Answers,
        order_uri: str = "",
        on_order: Callable[[str], None] | None = None,
    ) -> bytes:
        """A certificate with its chain, in PEM, for `key`. Raises `AcmeError`.

        `order_uri` is an order for the same key that was not carried to its end; `on_order` is told that of a new one.
        """
        return self._guarded(lambda: self._obtain(identifiers, key, challenge, answers, order_uri, on_order))

    def renewal_window(self, leaf: X509Certificate) -> tuple[Window | None, timedelta]:
        """When the server wants `leaf` renewed (None: it does not say), and how long not to ask again."""
        return self._guarded(lambda: self._renewal_window(leaf))

    # --- the account --------------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[], T]) -> T:
        from acme import messages

        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                return work()
            except Exception as exc:
                is_nonce = isinstance(exc, messages.Error) and exc.code == "badNonce"
                # The library repeats a request once for that, and is refused again now and then.
                if not (is_nonce and attempts_left):
                    raise self._explained(exc) from exc
        raise AssertionError  # the last attempt ends above

    def _explained(self, exc: Exception) -> AcmeError:
        """Whatever the server has made a library say."""
        try:
            error = explain(exc, self._server.directory)
        except Exception:  # an error document that is none
            error = AcmeError(f"{self._server.directory} gave an answer that is not one of an ACME server")
        waits = [wait for wait in (error.wait, self._adapter.wait if self._adapter else None) if wait is not None]
        error.wait = max(waits, default=None)
        return error

    def _connected(self, *, account: bool = True) -> ClientV2:
        from acme import client, messages
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from josepy.jwa import ES256
        from josepy.jwk import JWKEC

        import tailhub
        from tailhub.certs.acme_network import BoundedAdapter

        if self._client is None:
            _know_tls_alpn()
            key = JWKEC(key=load_pem_private_key(self._account_key, None))
            network = client.ClientNetwork(
                key,
                alg=ES256,
                verify_ssl=self._server.ca_file or True,  # type: ignore[arg-type]  # as requests takes it
                user_agent=f"tailhub/{tailhub.__version__}",
                timeout=NETWORK_TIMEOUT_S,
            )
            self._adapter = BoundedAdapter()
            for scheme in ("https://", "http://"):
                network.session.mount(scheme, self._adapter)
            directory = client.ClientV2.get_directory(self._server.directory, network)
            self._client = client.ClientV2(directory, network)
        if account and self._client.net.account is None:
            if not self._account_uri:
                self._account_uri = self._register(self._client)
                self._on_account(self._account_uri)
            resource = messages.RegistrationResource(uri=self._account_uri, body=messages.Registration())
            self._client.net.account = resource
        return self._client

    def _register(self, client: ClientV2) -> str:
        from acme import errors, messages

        values: dict[str, Any] = {"terms_of_service_agreed": True}
        if self._server.email:
            values["email"] = self._server.email
        if self._server.eab_kid:
            values["external_account_binding"] = self._binding(client)
        elif client.external_account_required():
            raise AcmeError("the server takes only accounts that it knows: set acme_eab_kid and acme_eab_key")
        try:
            uri = client.new_account(messages.NewRegistration.from_data(**values)).uri
        except errors.ConflictError as exc:  # there is one with our key
            uri = exc.location
        finally:
            client.net.account = None
        return str(uri)

    def _binding(self, client: ClientV2) -> dict[str, Any]:
        from acme import messages

        key = self._server.eab_key
        try:
            base64.b64decode(key.replace("-", "+").replace("_", "/") + "=" * (-len(key) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise AcmeError("acme_eab_key is not base64, as the CA shows it") from None
        public = client.net.key.public_key()  # type: ignore[union-attr]
        return messages.ExternalAccountBinding.from_data(public, self._server.eab_kid, key, client.directory)

    # --- an order -----------------------------------------------------------------------------------------------------

    def _obtain(
        self,
        identifiers: Sequence[str],
        key: bytes,
        challenge: Challenge,
        answers: Answers,
        order_uri: str,
        on_order: Callable[[str], None] | None,
    ) -> bytes:
        from acme import messages

        csr = _request(identifiers, key)
        client = self._connected()
        order = _continued(client, order_uri, csr) if order_uri else None
        if order is None:
            try:
                order = client.new_order(csr, self._profile(client, identifiers))
            except messages.Error as exc:
                if exc.code != "accountDoesNotExist":
                    raise
                client.net.account, self._account_uri = None, ""  # the server has forgotten us: once more
                client = self._connected()
                order = client.new_order(csr, self._profile(client, identifiers))
            if on_order is not None:
                on_order(str(order.uri))
        # The library compares with a clock that shows local time and does not say so.
        deadline = datetime.now() + timedelta(seconds=ORDER_S)
        if order.body.status == messages.STATUS_PENDING:
            try:
                self._answer(client, order, identifiers, challenge, answers)
                order = client.poll_authorizations(order, datetime.now() + timedelta(seconds=ORDER_S))
            finally:
                answers.remove()
        if order.body.status in (messages.STATUS_PROCESSING, messages.STATUS_VALID):
            order = client.poll_finalization(order, deadline)
        else:
            order = client.finalize_order(order, datetime.now() + timedelta(seconds=ORDER_S))
        return str(order.fullchain_pem).encode()

    def _profile(self, client: ClientV2, identifiers: Sequence[str]) -> str | None:
        """Addresses are certified for a few days only, by servers that have profiles."""
        meta = getattr(client.directory, "meta", None)
        profiles = getattr(meta, "profiles", None) or {}
        return SHORT_LIVED if any(map(is_ip, identifiers)) and SHORT_LIVED in profiles else None

    def _answer(
        self, client: ClientV2, order: Any, identifiers: Sequence[str], wanted: Challenge, answers: Answers
    ) -> None:
        from acme import messages

        own = {_plain(one): one for one in identifiers}
        open_ones = [one for one in order.authorizations if one.body.status == messages.STATUS_PENDING]
        found = []
        for authorization in open_ones:
            # What we asked for and nothing else: it becomes the name of a file, and goes to somebody's command.
            named = str(authorization.body.identifier.value)
            identifier = own.get(_plain(named))
            if identifier is None:
                raise AcmeError(f"the server wants {named!r} to be proved, which nobody asked a certificate for")
            body = next((one for one in authorization.body.challenges if one.chall.typ == wanted), None)
            if body is None:
                offered = ", ".join(sorted({str(one.chall.typ) for one in authorization.body.challenges}))
                raise AcmeError(f"the server offers no {wanted} for {identifier}, only {offered}")
            found.append((identifier, body))
        for number, (identifier, body) in enumerate(found, start=1):
            response = body.response(client.net.key)
            answers.put(wanted, identifier, body.chall.encode("token"), response.key_authorization, len(found) - number)
        for _, body in found:
            client.answer_challenge(body, body.response(client.net.key))

    def _renewal_window(self, leaf: X509Certificate) -> tuple[Window | None, timedelta]:
        client = self._connected(account=False)
        try:
            base = client.directory["renewalInfo"]
        except KeyError:
            return None, timedelta(days=1)
        response = client.net.get(f"{base.rstrip('/')}/{renewal_path(leaf)}")
        wait = client.retry_after(response, int(DEFAULT_ASK.total_seconds())) - datetime.now()
        window = response.json()["suggestedWindow"]
        start, end = (datetime.fromisoformat(window[name]).astimezone(UTC) for name in ("start", "end"))
        return Window(start, end), wait


def _plain(identifier: str) -> str:
    """A name or an address in the one form that it is compared in."""
    try:
        return str(ip_address(identifier))
    except ValueError:
        return identifier.lower()


def _request(identifiers: Sequence[str], key: bytes) -> bytes:
    """A CSR in PEM, without a common name: a name may be longer than that may be."""
    from acme import crypto_util

    names = [one for one in identifiers if not is_ip(one)]
    ips = [ip_address(one) for one in identifiers if is_ip(one)]
    return crypto_util.make_csr(key, names or None, ipaddrs=ips or None)


def _continued(client: ClientV2, order_uri: str, csr: bytes) -> Any:
    """An order that was begun before; None when the server has it no more or will not fulfil it."""
    from acme import errors, messages

    def read(uri: str) -> Any:
        return client.net.post(uri, None, new_nonce_url=client.directory["newNonce"]).json()

    try:
        body = messages.Order.from_json(read(order_uri))
        if body.status == messages.STATUS_INVALID:
            return None
        authorizations = [
            messages.AuthorizationResource(body=messages.Authorization.from_json(read(uri)), uri=uri)
            for uri in body.authorizations
        ]
    except (messages.Error, errors.ClientError):
        return None
    return messages.OrderResource(body=body, uri=order_uri, authorizations=authorizations, csr_pem=csr)


def _know_tls_alpn() -> None:
    """Teach the library ``tls-alpn-01``, which newer versions of it do not have."""
    from acme import challenges

    if TLS_ALPN_01 in challenges.Challenge.TYPES:
        return

    class TLSALPN01Response(challenges.KeyAuthorizationChallengeResponse):
        typ = TLS_ALPN_01

    class TLSALPN01(challenges.KeyAuthorizationChallenge):
        response_cls = TLSALPN01Response
        typ = TLS_ALPN_01

        def validation(self, account_key: Any, **unused: Any) -> str:
            return self.key_authorization(account_key)

    challenges.ChallengeResponse.register(TLSALPN01Response)
    challenges.Challenge.register(TLSALPN01)
