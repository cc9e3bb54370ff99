"""What the findings of `tailhub.findings.rate` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH220": (
        "{path}: expected [[line?JSON, and line {line} breaks its rules||[[name?a whole number of bytes in `{name}`, "
        "found `{found}`||an object, found `{found}`]]]].",
        'As in `{{"PerClientRateLimitBytesPerSec": 1250000, "PerClientRateBurstBytes": 1250000}}`: 10 Mbit/s for each '
        "client.",
    ),
    "TH222": (
        "{path}: `{name}` means nothing here.",
        "Known are `PerClientRateLimitBytesPerSec` and `PerClientRateBurstBytes`.",
    ),
    "TH223": (
        "{place}: {found} bytes are too few for a large packet, or for what comes in 20 ms; {taken} were taken.",
        "Write {taken} or more, or 0 for what comes in a second.",
    ),
    "TH224": (
        "{place} is a burst without a rate, so there is no limit.",
        "Give the bytes a second too: `rate_limit_bytes_per_s`, in the original's file "
        "`PerClientRateLimitBytesPerSec`.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH220": (
        "{path}：[[line?应为 JSON，第 {line} 行有语法错误||[[name?`{name}` 应为整数（字节），实际为 `{found}`"
        "||应为 JSON 对象，实际为 `{found}`]]]]。",
        '例如 `{{"PerClientRateLimitBytesPerSec": 1250000, "PerClientRateBurstBytes": 1250000}}`：'
        "每个客户端 10 Mbit/s。",
    ),
    "TH222": (
        "{path}：不认识 `{name}`。",
        "可用的是 `PerClientRateLimitBytesPerSec` 和 `PerClientRateBurstBytes`。",
    ),
    "TH223": (
        "{place}：{found} 字节容不下一个大包，或 20 毫秒内到达的数据；已按 {taken} 处理。",
        "请写 {taken} 或更大的数，或写 0（一秒的数据量）。",
    ),
    "TH224": (
        "{place} 只给出了突发量，没有速率，因此不限速。",
        "请同时给出每秒字节数：`rate_limit_bytes_per_s`，原版文件中为 `PerClientRateLimitBytesPerSec`。",
    ),
}
