"""Who gets messages about the relay, and about what."""

from __future__ import annotations

from tailhub.alerts.events import EVENTS
from tailhub.server.config import UPDATE_INDEX
from tailhub.settings.setting import Section, Setting

NOTIFY: tuple[Setting, ...] = (
    Setting(
        "notify",
        Section.NOTIFY,
        "texts",
        (),
        "Where messages about the relay go, as apprise writes it (ntfy://, bark://, mailto://, schan://, wecombot://, "
        "json:// for a webhook); better not as a flag, which others can see.",
        "URL",
        "ntfy://TOPIC",
        secret=True,
    ),
    Setting(
        "notify_file",
        Section.NOTIFY,
        "path",
        None,
        "A file with more of them, one a line, that only the relay's user can read.",
        "FILE",
        "/etc/tailhub/notify",
    ),
    Setting(
        "notify_language",
        Section.NOTIFY,
        "text",
        "",
        "Language of these messages (default: by locale).",
        "en|zh",
        "zh",
    ),
    Setting(
        "notify_events",
        Section.NOTIFY,
        "names",
        (),
        f"What they are about, separated by commas: {', '.join(EVENTS)} (default: all).",
        "A,B",
        "certificate,quota",
    ),
    Setting(
        "update_check",
        Section.NOTIFY,
        "switch",
        False,
        "Look once a day whether the package index has a newer version, and send a message.",
    ),
    Setting(
        "update_index",
        Section.NOTIFY,
        "text",
        UPDATE_INDEX,
        "Where that is looked up (JSON, as PyPI has it).",
        "URL",
        UPDATE_INDEX,
        secret_url=True,
    ),
)
