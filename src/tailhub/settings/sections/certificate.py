"""The certificate that clients are shown."""

from __future__ import annotations

from tailhub.certs.acme_challenge import LETS_ENCRYPT
from tailhub.settings.setting import Section, Setting, listener_setting

CERTIFICATE: tuple[Setting, ...] = (
    listener_setting(
        "cert", Section.CERTIFICATE, "path", None, "Certificate (PEM) with its chain.", "FILE", "fullchain.pem"
    ),
    listener_setting(
        "key", Section.CERTIFICATE, "path", None, "The certificate's private key (PEM).", "FILE", "privkey.pem"
    ),
    listener_setting(
        "cert_dir",
        Section.CERTIFICATE,
        "path",
        None,
        "Directory of certificates and their keys.",
        "DIR",
        "/etc/tailhub/certs",
    ),
    listener_setting(
        "acme", Section.CERTIFICATE, "switch", False, "Get the certificate from an ACME server (Let's Encrypt)."
    ),
    listener_setting(
        "acme_directory",
        Section.CERTIFICATE,
        "text",
        LETS_ENCRYPT,
        "The ACME server's directory; using it accepts its terms.",
        "URL",
        "https://acme.example.com/directory",
    ),
    listener_setting(
        "acme_email",
        Section.CERTIFICATE,
        "text",
        "",
        "Where the ACME server may write to.",
        "ADDRESS",
        "you@example.com",
    ),
    listener_setting(
        "acme_challenge",
        Section.CERTIFICATE,
        "text",
        "",
        "tls-alpn-01 (public port 443), http-01 (public port 80) or dns-01 (a hook); default: what can work.",
        "NAME",
        "dns-01",
    ),
    listener_setting(
        "acme_dns_hook",
        Section.CERTIFICATE,
        "text",
        "",
        "Command that writes the DNS record, as certbot's manual auth hook.",
        "COMMAND",
        "/etc/tailhub/dns-add",
    ),
    listener_setting(
        "acme_dns_cleanup_hook",
        Section.CERTIFICATE,
        "text",
        "",
        "Command that removes it again, as certbot's manual cleanup hook.",
        "COMMAND",
        "/etc/tailhub/dns-remove",
    ),
    listener_setting(
        "acme_eab_kid",
        Section.CERTIFICATE,
        "text",
        "",
        "Key id of an account that the CA has given you.",
        "ID",
        "kid-1",
    ),
    Setting(
        "acme_eab_key",
        Section.CERTIFICATE,
        "text",
        "",
        "The key that belongs to it (base64); others can see a flag, so better not as one.",
        "KEY",
        "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
        in_listen=True,
        secret=True,
    ),
    listener_setting(
        "acme_ca_file",
        Section.CERTIFICATE,
        "path",
        None,
        "CA certificates (PEM) by which to trust a private ACME server.",
        "FILE",
        "/etc/tailhub/acme-ca.pem",
    ),
    listener_setting(
        "acme_cache",
        Section.CERTIFICATE,
        "path",
        None,
        "Where derper kept its own certificates from Let's Encrypt (-certdir): served until they are renewed here.",
        "DIR",
        "/var/lib/derper/certs",
    ),
    listener_setting(
        "pin", Section.CERTIFICATE, "text", "", "Which pinned certificate (tailhub cert renew).", "NAME", "next"
    ),
)
