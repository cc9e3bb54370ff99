"""What a new configuration changes for a relay that runs."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from tailhub.net.listen_spec import parse_listen, parse_public
from tailhub.server.config import ListenerConfig, RelayConfig
from tailhub.server.listeners import Kept, ListenSpecs, kept_listeners
from tailhub.server.reload import plan_reload
from tailhub.server.tenant_config import TenantConfig
from tailhub.settings.table import SETTINGS, TENANT_SETTINGS

ROOT = Path(__file__).parents[3]
TESTED_IN = "tests/integration/test_reload.py"

TESTS = {
    "test_the_advertised_listener_moves": ("listen", "public_port", "hostname"),
    "test_tls_and_proxies_of_a_listener": ("tls", "trusted_proxies", "passthrough"),
    "test_certificates": ("cert", "key", "cert_dir", "pin"),
    "test_acme": (
        *("acme", "acme_directory", "acme_email", "acme_challenge", "acme_dns_hook", "acme_dns_cleanup_hook"),
        *("acme_eab_kid", "acme_eab_key", "acme_ca_file", "acme_cache"),
    ),
    "test_stun_plain_http_and_the_operators_port_move": (
        *("http_listen", "stun_listen", "admin_listen", "stun_public_port", "stun_rfc"),
    ),
    "test_the_address_that_is_told": ("address", "discover", "region_id"),
    "test_a_list_begins_and_ends": ("allow_list", "refuse", "refuse_text"),
    "test_how_many_are_held": ("held_connections",),
    "test_tenants_come_go_and_are_renamed": ("name", "may_reach"),
    "test_who_is_asked": ("verify_url", "verify_url_fail_open", "verify_timeout_s", "remember_days"),
    "test_verifiers_that_are_named": (
        *("verify_tailscaled", "verify_socket", "verify_all", "verify_refresh_s"),
        *("tailscale_client_secret_file", "tailscale_client_secret", "tailscale_client_id", "tailscale_token_file"),
        *("tailscale_token", "tailscale_tailnet", "tailscale_api_url"),
        *("headscale_url", "headscale_api_key_file", "headscale_api_key"),
    ),
    "test_steering": ("steer",),
    "test_the_mesh_key": ("mesh_key_file",),
    "test_the_relays_of_the_region": ("mesh_with",),
    "test_the_own_probe": ("own_probe",),
    "test_rates": (
        *("rate_limit_bytes_per_s", "rate_burst_bytes", "rate_config", "receive_limit_bytes_per_s"),
        *("receive_burst_bytes", "tenant_rate_limit_bytes_per_s", "tenant_rate_burst_bytes"),
        *("relay_rate_limit_bytes_per_s", "relay_rate_burst_bytes"),
    ),
    "test_connections": ("key_connections", "tenant_connections", "relay_connections"),
    "test_how_often_one_may_connect": ("address_rate", "address_burst", "accept_limit", "accept_burst"),
    "test_connections_and_their_timeouts": ("tcp_keepalive_s", "tcp_user_timeout_s", "write_timeout_s"),
    "test_quotas": (
        *("quota_key_gb", "quota_tenant_gb", "quota_counts", "quota_day", "quota_time_zone", "over_quota"),
        *("over_quota_bytes_per_s", "price_per_gb", "currency", "usage_retention_days"),
    ),
    "test_pages": ("home", "bootstrap_dns_names", "unpublished_bootstrap_dns_names", "quiet", "dashboard_relays"),
    "test_the_log": ("log_addresses", "log_level", "log_format"),
    "test_whom_it_tells": (
        *("notify", "notify_file", "notify_language", "notify_events", "update_check", "update_index"),
    ),
    "test_where_it_pushes_its_map": ("push_map_to", "push_map_secret_file", "push_map_tailnet", "push_map_api_url"),
    "test_how_long_the_end_takes": ("drain_s",),
    "test_what_needs_a_restart": ("state_dir", "new_state", "key_file", "store", "workers"),
}
"""Where it is tested that a running relay goes by another value of each setting, or says that it does not."""


def test_each_setting_is_tested() -> None:
    """Every setting is taken over by a relay that runs, or named as one that needs a restart; each has its test."""
    tests = {one.name for one in ast.parse((ROOT / TESTED_IN).read_text()).body if isinstance(one, ast.FunctionDef)}
    assert TESTS.keys() <= tests
    named = [name for names in TESTS.values() for name in names]
    assert len(named) == len(set(named))
    there = {setting.name for setting in (*SETTINGS, *TENANT_SETTINGS)}
    assert set(named) >= there, there - set(named)
    needs_restart = {setting.name for setting in SETTINGS if setting.needs_restart}
    assert needs_restart == set(TESTS["test_what_needs_a_restart"])


BASE = RelayConfig(
    listen=":8443",
    more_listeners=(ListenerConfig(":8444"), ListenerConfig(":8445", hostname="a.example")),
    more_tenants=(TenantConfig(tenant="one", verify_url="http://a/"), TenantConfig(tenant="two")),
)


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (BASE, ()),
        (replace(BASE, places={}), ()),
        (replace(BASE, home="blank", addresses=("203.0.113.7",)), ("address", "home")),
        (replace(BASE, more_listeners=BASE.more_listeners[:1]), ("listen :8445 (removed)",)),
        (replace(BASE, more_listeners=BASE.more_listeners[::-1]), ("listen",)),
        (
            replace(BASE, more_listeners=(BASE.more_listeners[0], ListenerConfig(":8445"), ListenerConfig(":1"))),
            ("listen :8445: hostname", "listen :1 (added)"),
        ),
        (
            replace(BASE, more_tenants=(TenantConfig(tenant="one", may_reach=("default",)), TenantConfig(tenant="3"))),
            ("tenant two (removed)", "tenant one: may_reach", "tenant one: verify_url", "tenant 3 (added)"),
        ),
    ],
)
def test_what_has_changed(after: RelayConfig, changed: tuple[str, ...]) -> None:
    """Settings by their names, those of other listeners and tenants with them in front; where they stand is nothing."""
    plan = plan_reload(BASE, after)
    assert plan.outcome.changed == changed
    assert plan.outcome.needs_restart == ()
    assert plan.config == after


def test_what_needs_a_restart() -> None:
    """It is in the plan as it was."""
    plan = plan_reload(BASE, replace(BASE, workers=3, state_dir=Path("/else"), quiet=True))
    assert plan.outcome.needs_restart == ("state_dir", "workers")
    assert plan.outcome.changed == ("quiet",)
    assert plan.config == replace(BASE, quiet=True)


def specs(*public: str, http: str = "off", stun: str = "off", admin: str = "off") -> ListenSpecs:
    return ListenSpecs(
        tuple(parse_public(text, "--listen") for text in public),
        parse_listen(http, "--http-listen"),
        parse_listen(stun, "--stun-listen"),
        parse_listen(admin, "--admin-listen"),
    )


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        (specs(":1", ":2"), specs(":2", ":1"), Kept((1, 0), True, True, True)),
        (specs(":1"), specs("0.0.0.0:1", ":1"), Kept((None, 0), True, True, True)),
        (specs("unix:/run/a"), specs("unix:/run/a", "off"), Kept((0, None), True, True, True)),
        (specs("127.0.0.1:0", "127.0.0.1:0"), specs("127.0.0.1:0"), Kept((0,), True, True, True)),
        (specs(":1", stun=":1", http=":2"), specs(":1", stun=":3", admin=":4"), Kept((0,), False, False, False)),
        (specs(":https"), specs(":443"), Kept((0,), True, True, True)),
    ],
)
def test_which_sockets_are_kept(before: ListenSpecs, after: ListenSpecs, kept: Kept) -> None:
    """Those of a listener that asks for the same addresses and port, wherever it stands and however it is written."""
    assert kept_listeners(before, after) == kept
