"""What is said of a login."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.relaying import judged, reached
from tailhub.tools.doctor.judge.login import LoginEnd, LoginSeen
from tailhub.tools.doctor.seen import Seen
from tailhub.tools.report import Outcome

KEY = "nodekey:" + "ab" * 32
TOLD = LoginSeen(end=LoginEnd.TOLD, key=KEY, told="Ask Ann")
CLOSED = LoginSeen(end=LoginEnd.CLOSED, key=KEY)
ADMITTED = LoginSeen(is_admitted=True, end=LoginEnd.ADMITTED, key=KEY, took_s=0.0412)


def seen_with(login: LoginSeen) -> Seen:
    seen = reached(443)
    seen.login = login
    return seen


@pytest.mark.parametrize(
    ("login", "codes", "outcome"),
    [
        (ADMITTED, [], Outcome.OK),
        (TOLD, ["TH401"], Outcome.OK),
        (CLOSED, ["TH400"], Outcome.OK),
        (replace(TOLD, must_be_admitted=True), ["TH409"], Outcome.FAIL),
        (replace(CLOSED, must_be_admitted=True), ["TH409"], Outcome.FAIL),
        (LoginSeen(end=LoginEnd.SILENT, must_be_admitted=True), ["TH410"], Outcome.FAIL),
        (LoginSeen(end=LoginEnd.BROKEN, detail="bad box"), ["TH411"], Outcome.FAIL),
        (LoginSeen(end=LoginEnd.FAILED, detail="reset"), ["TH411"], Outcome.FAIL),
    ],
)
def test_each_end_has_its_code(login: LoginSeen, codes: list[str], outcome: Outcome) -> None:
    """A refusal is a note, and an error where the key should be let in; all else that is no admission is one."""
    seen = seen_with(login)
    said = judged(seen)
    assert said.codes == codes
    assert said.steps["login"].outcome is outcome


def test_refused_steps_say_so() -> None:
    """The login says that the relay was reached, and the steps behind it why they were not made."""
    said = judged(seen_with(TOLD))
    assert str(said.steps["login"].remark) == "reachable, but this key is not allowed"
    for name in ("packets", "idle"):
        assert (said.steps[name].outcome, said.steps[name].code) == (Outcome.UNTESTED, "TH401")


@pytest.mark.parametrize("login", [TOLD, CLOSED])
def test_what_to_do_with_a_key_that_is_kept(login: LoginSeen) -> None:
    """A key that is kept can be let in by a whole command; one that is thrown away cannot."""
    kept = next(iter(judged(seen_with(login)).findings.values()))
    thrown = next(iter(judged(seen_with(replace(login, is_thrown_away=True))).findings.values()))
    assert f"`tailhub allow add {KEY}`" in kept.remedy()
    assert KEY not in thrown.what() + thrown.remedy()
    assert "`--key FILE`" in thrown.remedy()


def test_limit_and_notice_are_notes() -> None:
    """What the relay announces and tells is said beside a login that is fine."""
    said = judged(seen_with(replace(ADMITTED, rate_bytes_per_s=1_250_000, burst_bytes=65_568, notice="Hello")))
    assert said.codes == ["TH407", "TH413"]
    assert (
        said.findings["TH407"].what().startswith("The relay limits what a client may send: 1.25 MB a second, 65.6 kB")
    )
    assert [said.steps[name].outcome for name in ("login", "limit", "notice")] == [Outcome.OK] * 3
    assert str(said.steps["login"].remark) == "this key is admitted, 41 ms"


def test_not_reached() -> None:
    """Where nothing was reached, and nobody has said why, the step says that it was not tried."""
    said = judged(seen_with(LoginSeen()))
    assert said.codes == []
    assert said.steps["login"].outcome is Outcome.UNTESTED
    assert "not tried" in str(said.steps["login"].remark)
