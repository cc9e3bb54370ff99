"""Variables of the environment that begin as ours do."""

from __future__ import annotations

from tailhub.settings.merge import load

SERVICE = {
    "TAILHUB_SERVICE_HOST": "10.96.0.7",
    "TAILHUB_SERVICE_PORT": "443",
    "TAILHUB_SERVICE_PORT_DERP": "443",
    "TAILHUB_PORT": "tcp://10.96.0.7:443",
    "TAILHUB_PORT_443_TCP_ADDR": "10.96.0.7",
}


def unknown(environ: dict[str, str]) -> list[object]:
    """The variables that are said to be no settings."""
    settings = load({}, environ, 1000, "linux", default=False)
    return [fault.values["name"] for fault in settings.faults if fault.name == "unknown-variable"]


def test_a_service_of_kubernetes_is_no_mistake() -> None:
    """Kubernetes tells every container of a service called `tailhub`; nobody has mistyped anything."""
    assert unknown(SERVICE) == []
    assert unknown(SERVICE | {"TAILHUB_LISTN": ":443"}) == ["TAILHUB_LISTN"]


def test_a_port_that_somebody_set_is_one() -> None:
    """Without such a service TAILHUB_PORT is what somebody takes for a setting."""
    assert unknown({"TAILHUB_PORT": "443"}) == ["TAILHUB_PORT"]
