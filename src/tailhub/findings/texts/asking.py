"""What the findings of `tailhub.findings.asking` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH060": (
        "{option}: expected a number from 900 to 999, found `{text}`.",
        "Those are the ids that Tailscale leaves to its users: `{option:=947}`; without it the id is made from "
        "the relay's key.",
    ),
    "TH061": (
        "{option}: expected an IP address that others can dial, found `{text}`.",
        "As in `{option:=203.0.113.7}` or `{option:=2001:db8::7}`, without port or brackets; a name goes to "
        "`--hostname`.",
    ),
    "TH062": (
        "{option}: expected a DNS name, found `{text}`.",
        "[[suggestion?Write `{option:={suggestion}}`.||As in `{option:=derp.example.com}`, without scheme, port or path"
        "[[is_host?; an address goes to `--address`]].]]",
    ),
    "TH063": (
        "{option}: expected `blank` or a URL, found `{text}`.",
        "As in `{option:=blank}` or `{option:=https://www.example.com/}`.",
    ),
    "TH064": (
        "{option}: expected a port from 1 to 65535, found `{text}`.",
        "As in `{option:={example}}`.",
    ),
    "TH065": (
        "{option} needs {missing} too.",
        "Give both, `{option:={value}}` and `{missing:={missing_value}}`, or neither.",
        "Of two settings that go together one was given.",
        "The relay does not start.",
    ),
    "TH066": (
        "--lang: expected `en` or `zh`, found `{text}`.",
        "Write `--lang en` or `--lang zh`; without it the locale decides (LC_ALL, LC_MESSAGES, LANG).",
    ),
    "TH067": (
        "{option}: expected at most one IPv4 and one IPv6 address, found {addresses}.",
        "Keep the one that clients use: `{option:={first}}`.",
    ),
    "TH068": (
        "{one} and {other} exclude each other.",
        "Write one of them.",
        "Two ways were asked for of which only one can be.",
        "The relay does not start.",
    ),
    "TH069": (
        "[[unknown?There is no `{message}`[[near?; like it there is {near}]]||[[lacking?`{message}` needs a value"
        "||[[extra?`{message}` is more than is understood||{message}]]]]]].",
        "`{command} --help` lists what there is.",
    ),
    "TH086": (
        "{option}: expected a number from 1 to {most}, or `auto`, found `{text}`.",
        "As in `{option:=3}`; `auto` takes one worker up to two cores, else one for each core but one.",
    ),
    "TH190": (
        "{option}: expected a number from 0 to {most}, found `{text}`.",
        "As in `{option:=5}`.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH060": (
        "{option}：应为 900 到 999 之间的数，实际是 `{text}`。",
        "这些编号由 Tailscale 留给用户使用，例如 `{option:=947}`；不写时由中继密钥得出。",
    ),
    "TH061": (
        "{option}：应为外部可以连接的 IP 地址，实际是 `{text}`。",
        "例如 `{option:=203.0.113.7}` 或 `{option:=2001:db8::7}`，不带端口和方括号；域名请用 `--hostname`。",
    ),
    "TH062": (
        "{option}：应为域名，实际是 `{text}`。",
        "[[suggestion?请写 `{option:={suggestion}}`。||例如 `{option:=derp.example.com}`，不带协议、端口和路径"
        "[[is_host?；地址请用 `--address`]]。]]",
    ),
    "TH063": (
        "{option}：应为 `blank` 或网址，实际是 `{text}`。",
        "例如 `{option:=blank}` 或 `{option:=https://www.example.com/}`。",
    ),
    "TH064": (
        "{option}：应为 1 到 65535 之间的端口，实际是 `{text}`。",
        "例如 `{option:={example}}`。",
    ),
    "TH065": (
        "{option} 还需要 {missing}。",
        "请两个都写：`{option:={value}}` 和 `{missing:={missing_value}}`，或都不写。",
        "成对的两项设置只写了一项。",
        "中继无法启动。",
    ),
    "TH066": (
        "--lang：应为 `en` 或 `zh`，实际是 `{text}`。",
        "请写 `--lang en` 或 `--lang zh`；不写时由系统语言环境决定（LC_ALL、LC_MESSAGES、LANG）。",
    ),
    "TH067": (
        "{option}：最多一个 IPv4 地址和一个 IPv6 地址，实际是 {addresses}。",
        "请只保留客户端使用的那个：`{option:={first}}`。",
    ),
    "TH068": (
        "{one} 和 {other} 不能同时使用。",
        "请只写其中一个。",
        "要求了两种只能选一种的方式。",
        "中继无法启动。",
    ),
    "TH069": (
        "[[unknown?没有 `{message}` 这个选项或命令[[near?；相近的有 {near}]]||[[lacking?`{message}` 需要一个值"
        "||[[extra?`{message}` 是多余的||命令行有误：{message}]]]]]]。",
        "`{command} --help` 会列出所有命令和选项。",
    ),
    "TH086": (
        "{option}：应为 1 到 {most} 的数字或 `auto`，实际是 `{text}`。",
        "例如 `{option:=3}`；`auto` 在不超过两个核时用一个工作进程，否则为核数减一。",
    ),
    "TH190": (
        "{option}：应为 0 到 {most} 的数，实际为 `{text}`。",
        "例如 `{option:=5}`。",
    ),
}
