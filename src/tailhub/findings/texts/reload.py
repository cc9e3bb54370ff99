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
    "TH378": (
        "The relay has not said within {after_s} s what came of the reload; it may still take the configuration over.",
        "Look at its log: `reloaded`, or why not, stands there when it is done.",
    ),
    "TH379": (
        "The new configuration opens {count} more listening sockets in each process, and {most} at a time can be "
        "handed over. All is as it was.",
        "Add them in several reloads, or restart the relay.",
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
    "TH378": (
        "中继在 {after_s} 秒内没有回报重新加载的结果；它可能仍会换用新配置。",
        "请查看其日志：完成后会写有 `reloaded`，或未能换用的原因。",
    ),
    "TH379": (
        "新配置要在每个进程中再打开 {count} 个监听套接字，而一次最多只能移交 {most} 个。一切保持原样。",
        "请分几次重新加载逐步添加，或重启中继。",
    ),
}
