"""What the findings of `tailhub.findings.limits` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH270": (
        "{place}: expected {words}, found `{found}`.",
        "Write one of these, or leave it out.",
    ),
    "TH271": (
        "{place}: `{found}` is no time zone that this machine knows.",
        "Write a name such as `Europe/Berlin` or `UTC`; `timedatectl list-timezones` lists them. Where there are none, "
        "install the system's tzdata package.",
    ),
    "TH272": (
        "{place} is a burst without a rate, so there is no limit.",
        "Give the bytes a second too: `{rate:=1250000}`",
    ),
    "TH273": (
        "{place}: who is over the quota could send nothing at all.",
        "Write the bytes a second that it may still send, or `over_quota` as `refuse`.",
    ),
    "TH274": (
        "{place} is a quota, but usage is not kept: {store} is `off`.",
        "Leave {store} out, and usage is kept in a file of the state directory.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH270": (
        "{place}：应为 {words} 之一，实际是 `{found}`。",
        "请写其中之一，或不写。",
    ),
    "TH271": (
        "{place}：本机没有名为 `{found}` 的时区。",
        "请写 `Europe/Berlin` 或 `UTC` 这样的名称；`timedatectl list-timezones` 会列出全部。"
        "若一个也没有，请安装系统的 tzdata 软件包。",
    ),
    "TH272": (
        "{place} 只给了突发量而没有速率，因此没有限制。",
        "请同时给出每秒字节数：`{rate:=1250000}`",
    ),
    "TH273": (
        "{place}：超出配额的密钥将什么也发不出去。",
        "请写它每秒仍可发送的字节数，或把 `over_quota` 写成 `refuse`。",
    ),
    "TH274": (
        "{place} 是配额，但没有保存用量：{store} 为 `off`。",
        "不写 {store}，用量就保存在状态目录的文件里。",
    ),
}
