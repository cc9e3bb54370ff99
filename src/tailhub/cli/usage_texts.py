"""The words of ``tailhub usage``, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Usage from {since} to {until}",
        "zone": "days of {zone}",
        "where": "from {where}",
        "tenant": "Tenant",
        "key": "Device",
        "peer": "To",
        "from": "From",
        "day": "Day",
        "relay": "Relay",
        "packets": "Packets",
        "in": "In",
        "out": "Out",
        "sent": "Sent",
        "received": "Received",
        "price": "Price",
        "total": "Total",
        "others": "others",
        "nothing": "Nothing was counted in this time.",
        "billed_out": "Billed is what goes out.",
        "billed_in": "Billed is what comes in.",
        "billed_both": "Billed is what comes in and what goes out.",
    },
    "zh": {
        "title": "用量：{since} 至 {until}",
        "zone": "按 {zone} 的日期",
        "where": "来自 {where}",
        "tenant": "租户",
        "key": "设备",
        "peer": "接收方",
        "from": "发送方",
        "day": "日期",
        "relay": "中继",
        "packets": "包数",
        "in": "流入",
        "out": "流出",
        "sent": "发送",
        "received": "接收",
        "price": "费用",
        "total": "合计",
        "others": "其他",
        "nothing": "这段时间没有计数。",
        "billed_out": "按流出计费。",
        "billed_in": "按流入计费。",
        "billed_both": "流入和流出都计费。",
    },
}
