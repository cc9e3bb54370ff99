"""The words of ``tailhub derpmap``, in both languages."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "paste": "Tailscale: add this to the policy file, before its last }",
        "errors": "errors: {count}",
        "warnings": "warnings: {count}",
        "notes": "notes: {count}",
        "nothing": "nothing is wrong",
        "comma": ", ",
        "unchanged": "{name} is as it should be already.",
        "written": "{name} is written.",
        "would_write": "{name} would be written; nothing was (--dry-run).",
        "same": "No difference.",
        "region": "region {region}",
        "node": "node {node}",
        "null_region": "null (takes a default region away)",
        "note": "note: {text}",
        "push": "Change {name} so?",
        "headscale_takes": "Headscale reads it when it looks again (derp.auto_update_enabled), else at its restart.",
    },
    "zh": {
        "paste": "Tailscale：把下面的内容粘贴到策略文件中，放在最后一个 } 之前",
        "errors": "错误 {count}",
        "warnings": "警告 {count}",
        "notes": "提示 {count}",
        "nothing": "没有问题",
        "comma": "，",
        "unchanged": "{name} 已经是这样，无需改动。",
        "written": "{name} 已写入。",
        "would_write": "将会写入 {name}；现在没有写（--dry-run）。",
        "same": "没有差别。",
        "region": "区域 {region}",
        "node": "节点 {node}",
        "null_region": "null（去掉一个默认区域）",
        "note": "提示：{text}",
        "push": "这样修改 {name}？",
        "headscale_takes": "Headscale 会在下次自动更新时读取（derp.auto_update_enabled），否则需要重启它。",
    },
}
