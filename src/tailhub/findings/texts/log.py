"""What the findings of `tailhub.findings.log` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH350": (
        "Expected a key, an address or a network whose clients are to be looked at, found `{text}`.",
        "Write a key (`nodekey:` and 64 hexadecimal digits, or `[AbCdE]` as the log has it), `203.0.113.7` or "
        "`203.0.113.0/24`.",
    ),
    "TH351": (
        "At most {most} keys and addresses can be looked at at a time; these would be {found}.",
        "`tailhub log show` lists them, `tailhub log debug KEY --off` ends one.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH350": (
        "应为要细看的客户端的密钥、地址或网段，实际是 `{text}`。",
        "请写密钥（`nodekey:` 加 64 位十六进制数，或日志中的 `[AbCdE]`）、`203.0.113.7` 或 `203.0.113.0/24`。",
    ),
    "TH351": (
        "同时最多可以细看 {most} 个密钥和地址，这样会有 {found} 个。",
        "`tailhub log show` 列出它们，`tailhub log debug KEY --off` 结束其中一个。",
    ),
}
