"""Where clients connect, by which address, and what else listens."""

from __future__ import annotations

from tailhub.server.tenant_config import TAILSCALE_API
from tailhub.settings.setting import Section, Setting, listener_setting

LISTENER: tuple[Setting, ...] = (
    listener_setting(
        "listen", Section.LISTENER, "text", ":8443", "Where clients connect (TLS, any port).", "HOST:PORT", ":443"
    ),
    listener_setting(
        "public_port",
        Section.LISTENER,
        "port",
        None,
        "TCP port that clients use, if not the one listened on.",
        "N",
        "443",
    ),
    listener_setting(
        "hostname",
        Section.LISTENER,
        "text",
        "",
        "DNS name that clients use (or an address).",
        "NAME",
        "derp.example.com",
    ),
    listener_setting(
        "tls",
        Section.LISTENER,
        "switch",
        True,
        "Speak TLS; without, a proxy in front has ended it.",
    ),
    listener_setting(
        "trusted_proxies",
        Section.LISTENER,
        "names",
        (),
        "Proxies whose PROXY header or X-Forwarded-For is believed.",
        "IP,NET",
        "127.0.0.1",
    ),
    listener_setting(
        "passthrough",
        Section.LISTENER,
        "names",
        (),
        "Other names (TLS) that go to another server untouched; * is all of them.",
        "NAME=HOST:PORT",
        "*=127.0.0.1:4443",
    ),
)

PORTS: tuple[Setting, ...] = (
    Setting(
        "http_listen",
        Section.PORTS,
        "text",
        "off",
        "Plain HTTP: captive portal check and redirect, usually :80.",
        "HOST:PORT",
        ":80",
    ),
    Setting("stun_listen", Section.PORTS, "text", ":3478", "STUN over UDP.", "HOST:PORT", ":3479"),
    Setting(
        "stun_public_port",
        Section.PORTS,
        "port",
        None,
        "UDP port that clients use, if not the one listened on.",
        "N",
        "3478",
    ),
    Setting(
        "admin_listen",
        Section.PORTS,
        "text",
        "127.0.0.1:9912",
        "The operator's pages (dashboard, metrics, health, API, the map), for you only.",
        "HOST:PORT",
        "127.0.0.1:9913",
    ),
    Setting(
        "dashboard_relays",
        Section.PORTS,
        "texts",
        (),
        "Other relays that the dashboard shows too: URLs of their operator's pages, with their tokens.",
        "[NAME=]URL",
        "tokyo=https://TOKEN@tokyo.example.com",
        secret_url=True,
    ),
)

ADDRESS: tuple[Setting, ...] = (
    Setting(
        "address",
        Section.ADDRESS,
        "texts",
        (),
        "Address that clients use; once for IPv4, once for IPv6.",
        "IP",
        "203.0.113.7",
        field="addresses",
    ),
    Setting("discover", Section.ADDRESS, "switch", True, "Ask the cloud's metadata and public STUN servers."),
    Setting(
        "push_map_to",
        Section.ADDRESS,
        "text",
        "",
        "Where the relay keeps its region of the map up to date by itself: tailscale (its policy), or a file.",
        "tailscale|FILE",
        "tailscale",
    ),
    Setting(
        "push_map_secret_file",
        Section.ADDRESS,
        "path",
        None,
        "A file with the secret of a Tailscale OAuth client (scope policy_file) or an API access token.",
        "FILE",
        "/etc/tailhub/tailscale-policy",
    ),
    Setting(
        "push_map_tailnet",
        Section.ADDRESS,
        "text",
        "-",
        "The tailnet whose policy it is (default: the one of the credential).",
        "NAME",
        "example.com",
    ),
    Setting(
        "push_map_api_url",
        Section.ADDRESS,
        "text",
        TAILSCALE_API,
        "Tailscale's API, if it is reached in another way.",
        "URL",
        "https://tailscale-api.example.com",
    ),
)
