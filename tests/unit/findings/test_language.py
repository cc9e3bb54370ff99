from __future__ import annotations

import pytest

from tailhub.exceptions import UsageError
from tailhub.findings import choose_language


@pytest.mark.parametrize(
    ("environ", "lang"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "ZH_cn.utf8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}, "zh"),
    ],
)
def test_locale_decides(environ: dict[str, str], lang: str) -> None:
    """The first of LC_ALL, LC_MESSAGES and LANG that is set and not empty decides."""
    assert choose_language(environ) == lang


def test_override_beats_the_locale() -> None:
    """What was asked for by flag counts more than the locale."""
    assert choose_language({"LC_ALL": "zh_CN.UTF-8"}, "en") == "en"
    assert choose_language({}, "zh") == "zh"


def test_unknown_override_is_refused() -> None:
    """Any other language is a usage error that names the two there are."""
    with pytest.raises(UsageError, match="expected `en` or `zh`, found `fr`"):
        choose_language({}, "fr")
