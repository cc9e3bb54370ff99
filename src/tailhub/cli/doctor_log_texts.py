"""The words of what `tailhub doctor --log` prints, in both languages. Of findings: `tailhub.findings.texts`."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "input": "standard input",
        "nothing_known": "nothing about relays in it",
        "lines": "{lines} lines, {known} about relays",
        "span": "{first} to {last}",
        "client": "Tailscale {version}",
        "reversed": "The newest line is the first.",
        "hidden": "The client kept {hidden} lines to itself because they were too many: counts are too low.",
        "none_known": (
            "Is it the log of a Tailscale client? Linux: `journalctl -u tailscaled`; Windows: the files in "
            "C:\\ProgramData\\Tailscale\\Logs; a container: what it prints."
        ),
        "says": "says",
        "times": "{count} times, {first} to {last}",
        "once": "once, {first}",
        "times_undated": "{count} times",
        "in_region": "region {region}: ",
        "in_regions": "regions {regions}: ",
        "more_regions": "and {count} more regions",
        "regions": "Relays, as they stand at the end of the log",
        "home": "home",
        "connected": "connected since {since}",
        "connected_before": "connected",
        "failing": "no connection since {since}, tries: {failures}",
        "held": "not let in since {since}",
        "failing_undated": "no connection, tries: {failures}",
        "closed": "closed by the client, which did not need it, since {since}",
        "unknown": "not tried",
        "over_title": "Was wrong, and is over",
        "seen_title": "Also seen",
        "see": "see {code}",
        "more_rows": "… and {count} more",
    },
    "zh": {
        "input": "标准输入",
        "nothing_known": "其中没有关于中继的内容",
        "lines": "{lines} 行，其中 {known} 行与中继有关",
        "span": "{first} 至 {last}",
        "client": "Tailscale {version}",
        "reversed": "最新的一行在最前面。",
        "hidden": "客户端因行数过多而没有写出 {hidden} 行：次数偏少。",
        "none_known": (
            "这是 Tailscale 客户端的日志吗？Linux：`journalctl -u tailscaled`；Windows："
            "C:\\ProgramData\\Tailscale\\Logs 里的文件；容器：它的输出。"
        ),
        "says": "原文",
        "times": "{count} 次，{first} 至 {last}",
        "once": "一次，{first}",
        "times_undated": "{count} 次",
        "in_region": "区域 {region}：",
        "in_regions": "区域 {regions}：",
        "more_regions": "以及另外 {count} 个区域",
        "regions": "日志结束时各中继的状况",
        "home": "家",
        "connected": "自 {since} 起已连接",
        "connected_before": "已连接",
        "failing": "自 {since} 起连不上，尝试次数：{failures}",
        "held": "自 {since} 起未获准进入",
        "failing_undated": "连不上，尝试次数：{failures}",
        "closed": "自 {since} 起被客户端关闭，因为不再需要",
        "unknown": "没有尝试",
        "over_title": "曾有问题，现已恢复",
        "seen_title": "此外",
        "see": "见 {code}",
        "more_rows": "……以及另外 {count} 个",
    },
}
