from __future__ import annotations

from pathlib import Path

import pytest

from tailhub.exceptions import MachineError
from tailhub.findings import Finding
from tailhub.server.config import RelayConfig, config_findings
from tailhub.server.notify_config import has_apprise, targets_of


def urls(*parts: str) -> list[str]:
    return [target.url for target in targets_of(RelayConfig(notify=parts))]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("ntfy://a", "bark://b/c"), ["ntfy://a", "bark://b/c"]),
        (("mailto://u:p@h?to=a@b", "c@d", "ntfy://e"), ["mailto://u:p@h?to=a@b,c@d", "ntfy://e"]),
        (("nonsense", "more"), ["nonsense,more"]),
        ((), []),
    ],
)
def test_commas_belong_to_an_address_unless_one_begins_behind_them(parts: tuple[str, ...], expected: list[str]) -> None:
    """What was cut at a comma and does not begin an address goes on with the one before."""
    assert urls(*parts) == expected


def test_targets_of_both_settings(tmp_path: Path) -> None:
    """The file's addresses come behind the setting's; each knows where it stands, and shows its kind alone."""
    file = tmp_path / "notify"
    file.write_text("# mine\n\n  bark://key@host  \nschan://SCT77\n")
    targets = targets_of(RelayConfig(notify=("ntfy://topic",), notify_file=file))
    assert [(target.name, target.number) for target in targets] == [("1 (ntfy)", 1), ("2 (bark)", 1), ("3 (schan)", 2)]
    assert [target.place for target in targets] == ["--notify", str(file), str(file)]
    shown = repr(targets) + repr(RelayConfig(notify=("ntfy://topic",)))
    assert not [word for word in ("topic", "key@", "SCT77") if word in shown]


@pytest.mark.parametrize(("text", "code"), [("# nobody\n", "TH348"), (None, "TH047")])
def test_a_file_without_an_address(text: str | None, code: str, tmp_path: Path) -> None:
    """An empty file and one that is not there are findings."""
    file = tmp_path / "notify"
    if text is not None:
        file.write_text(text)
    with pytest.raises(MachineError) as raised:
        targets_of(RelayConfig(notify_file=file))
    assert isinstance(raised.value.finding, Finding)
    assert raised.value.finding.code == code


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        (RelayConfig(notify=("ntfy://topic",), notify_events=("quota", "store"), notify_language="zh"), []),
        (RelayConfig(notify=("someone@example.com",)), ["TH345"]),
        (RelayConfig(notify=("ntfy://topic",), notify_language="fr"), ["TH270"]),
        (RelayConfig(notify=("ntfy://topic",), notify_events=("quota", "weather")), ["TH270"]),
        (RelayConfig(notify_language="zh"), ["TH347"]),
        (RelayConfig(notify_events=("quota",)), ["TH347"]),
        (RelayConfig(update_check=True), ["TH347"]),
        (RelayConfig(notify=("ntfy://topic",), update_check=True), []),
        (RelayConfig(notify=("ntfy://topic",), update_check=True, update_index="ftp://x"), ["TH257"]),
    ],
)
def test_faults(config: RelayConfig, codes: list[str]) -> None:
    """What can be told without opening anything is; the address itself is in no finding."""
    found = config_findings(config)
    assert [finding.code for finding in found] == codes
    assert "someone" not in "".join(map(str, found))


def test_apprise_need_not_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether apprise is installed is found out without importing it."""
    import sys

    assert has_apprise()
    assert "apprise" not in sys.modules or sys.modules["apprise"] is not None
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert not has_apprise()
