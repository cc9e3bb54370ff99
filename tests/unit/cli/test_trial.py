"""A start on trial: out of everybody's sight, whatever the configuration says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.cli.trial import start_on_trial, trial_config
from tailhub.exceptions import UsageError
from tailhub.server.config import ListenerConfig, RelayConfig, check_config

CONFIG = RelayConfig(
    listen=":443",
    acme=True,
    acme_email="a@example.com",
    hostname="derp.example.com",
    passthrough=("*=127.0.0.1:8443",),
    more_listeners=(ListenerConfig(listen="unix:/run/tailhub/relay.sock", tls=False), ListenerConfig(listen=":8443")),
    http_listen=":80",
    admin_listen="127.0.0.1:9912",
    state_dir=Path("/var/lib/tailhub"),
    key_file=Path("/var/lib/derper/derper.key"),
    store="postgresql://db.example.com/tailhub",
    workers=4,
    notify=("json://example.com",),
    update_check=True,
)


def test_nothing_of_it_is_seen(tmp_path: Path) -> None:
    """No port, file, database or certificate authority of the real relay is touched."""
    trial = trial_config(CONFIG, tmp_path)
    check_config(trial)
    assert {one.listen for one in trial.listeners} == {"127.0.0.1:0", f"unix:{tmp_path}/listener-1.sock"}
    assert not any(one.acme or one.passthrough for one in trial.listeners)
    assert (trial.http_listen, trial.admin_listen, trial.stun_listen) == ("off", "off", "127.0.0.1:0")
    assert (trial.state_dir, trial.key_file, trial.store) == (tmp_path, None, "")
    assert (trial.discover, trial.workers) == (False, 1)
    assert (trial.notifies, trial.update_check) == (False, False)


def test_what_is_off_stays_off(tmp_path: Path) -> None:
    """A relay that has no STUN, no store or no clients is tried as such."""
    off = trial_config(RelayConfig(listen="off", store="off", state_dir=tmp_path), tmp_path)
    assert (off.listen, off.store, off.stun_listen) == ("off", "off", "127.0.0.1:0")
    assert trial_config(RelayConfig(stun_listen="off"), tmp_path).stun_listen == "off"


def test_a_start(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts with what the file says and leaves the state alone; what is wrong with the file is told."""
    monkeypatch.delenv("TAILHUB_CONFIG", raising=False)
    state, file = tmp_path / "state", tmp_path / "tailhub.toml"
    state.mkdir(mode=0o700)
    file.write_text(f'listen = ":443"\nstate_dir = "{state}"\naddress = ["203.0.113.7"]\n')
    assert start_on_trial(str(file), None) == 0
    assert capsys.readouterr().out == "ok\n"
    assert list(state.iterdir()) == []
    file.write_text('listen = "nonsense"\n')
    with pytest.raises(UsageError, match="nonsense"):
        start_on_trial(str(file), state)
