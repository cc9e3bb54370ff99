"""What the findings of `tailhub.findings.relaying` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH408": Text(
        "The file with the key by which the tools log in to relays cannot be used.\n{path}: {reason}.",
        "Look at its owner and mode: `ls -l {path!q}`\n"
        "Or move it away: `mv {path!q} {path!q}.old`, the next run makes another key, of which relays that admit only "
        "keys they know must be told.",
        'It should hold a node key, JSON `{{"PrivateKey": "privkey:<64 hex digits>"}}`, and be readable for whoever '
        "runs the tools.",
        "The tools do not log in; clients of the relay notice nothing.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH408": Text(
        "存放诊断工具登录中继所用密钥的文件无法使用。\n{path}：{reason}。",
        "查看其属主和权限：`ls -l {path!q}`\n"
        "或者移走它：`mv {path!q} {path!q}.old`，下次运行会生成新密钥，只接纳已知密钥的中继需要重新登记它。",
        '其中应是节点密钥，即 JSON `{{"PrivateKey": "privkey:<64 位十六进制>"}}`，并且运行工具的用户能够读取。',
        "工具不会登录；中继的客户端不受影响。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {}
