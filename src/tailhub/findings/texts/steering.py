"""What the findings of `tailhub.findings.steering` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH300": (
        "{place} moves clients by leaving their STUN requests unanswered, and STUN is off here.",
        "Answer STUN (`{stun:=:3478}`), or leave {place} out.",
    ),
    "TH301": (
        "{place}: expected a time of at most {hours} hours such as `360`, `90s`, `6m` or `1h`, found `{text}`.",
        "Write `{place:=6m}`.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH300": (
        "{place} 靠不应答客户端的 STUN 请求来引导它们，而这里关闭了 STUN。",
        "请打开 STUN（`{stun:=:3478}`），或去掉 {place}。",
    ),
    "TH301": (
        "{place}：应为不超过 {hours} 小时的时间，例如 `360`、`90s`、`6m` 或 `1h`，实际是 `{text}`。",
        "请写 `{place:=6m}`。",
    ),
}
