"""What the findings of `tailhub.findings.reload` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH355": (
        "The configuration has {count} errors, so nothing of it was taken over.",
        "The first: {first} `tailhub config check` shows all of them, and so does the relay's log.",
    ),
    "TH356": (
        "The new configuration could not be taken over: {reason}. All is as it was.",
        "Try again; if that happens again restart the relay, and report it with the lines of its log.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH355": (
        "配置中有 {count} 处错误，因此全部未采用。",
        "第一处：{first}`tailhub config check` 会列出全部错误，中继的日志中也有。",
    ),
    "TH356": (
        "未能换用新配置：{reason}。一切保持原样。",
        "请重试；如果再次发生，请重启中继，并附上其日志报告问题。",
    ),
}
