"""What the findings of `tailhub.findings.probing` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH515": Text(
        "The key of the relay's own probe cannot be used: {path}: {reason}.",
        "Remove the file, the next start makes another one: `rm {path!q}`; or switch the probe off with "
        "`--no-own-probe`. Clients are not concerned.",
    ),
    "TH516": Text(
        "{origin} has [[wanted?no relay in a region {wanted}||no relay]] that could be measured.",
        "Say a region by its number, code or name as the map has it, or a relay itself as HOST:PORT.",
    ),
    "TH517": Text(
        "{found} ways through relays are more than the {most} that can be measured at a time.",
        "Choose a region by its number, code or name: `tailhub probe --map FILE REGION`.",
    ),
    "TH518": Text(
        "Not one packet came through {relay}[[reason?: {reason}||, though it let the probe in]].",
        "`tailhub doctor` tells why.\nIf the relay admits only keys that it knows, allow the probe's there: "
        "`tailhub allow add {sender}`\n`tailhub allow add {receiver}`",
    ),
    "TH519": Text(
        "{relay} lets one key send {limit} B/s, and the probe is to send {wanted} B/s: it measures the limit.",
        "Take a lower `--rate` or `--size`.",
    ),
    "TH520": Text(
        "{option} {path} cannot be written: {reason}.",
        "Name a file in a directory that is there and that you may write.",
    ),
    "TH521": Text(
        "--listen {address} is not possible: {reason}.",
        "Expected HOST:PORT of this machine, with a port that is free, such as 127.0.0.1:9913.",
    ),
    "TH522": Text(
        "{option} takes a time from {least} to {most}, found {found}.",
        "Write a number with s, m or h behind it, such as 30s or 1.5h.",
    ),
    "TH523": Text(
        "{most} probes run already with the key in {path}, and no more can be told apart.",
        "End one of them, or give this one a key of its own, made at the first use: "
        "`tailhub probe --key-file FILE`. A relay that admits only keys that it knows must be told of that one.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH515": Text(
        "中继自带探测的密钥无法使用：{path}：{reason}。",
        "删除该文件，下次启动会另建一个：`rm {path!q}`；或者用 `--no-own-probe` 关闭自带探测。客户端不受影响。",
    ),
    "TH516": Text(
        "{origin} 里[[wanted?的区域 {wanted} ||]]没有可以测量的中继。",
        "请按 map 里的写法给出区域的编号、代码或名称，或者直接写中继的 HOST:PORT。",
    ),
    "TH517": Text(
        "要测量的路径有 {found} 条，超过了一次最多 {most} 条的限制。",
        "请用编号、代码或名称选定一个区域：`tailhub probe --map FILE REGION`。",
    ),
    "TH518": Text(
        "没有一个数据包通过 {relay}[[reason?：{reason}||，尽管它允许探测登录]]。",
        "`tailhub doctor` 会说明原因。\n如果该中继只接纳已知的密钥，请在那里放行探测的密钥："
        "`tailhub allow add {sender}`\n`tailhub allow add {receiver}`",
    ),
    "TH519": Text(
        "{relay} 限制每个密钥发送 {limit} B/s，而探测要发送 {wanted} B/s：测到的会是这个限制。",
        "请调低 `--rate` 或 `--size`。",
    ),
    "TH520": Text(
        "{option} {path} 无法写入：{reason}。",
        "请指定一个位于已有目录中、你有权写入的文件。",
    ),
    "TH521": Text(
        "--listen {address} 不可用：{reason}。",
        "应为本机的 HOST:PORT，且端口空闲，例如 127.0.0.1:9913。",
    ),
    "TH522": Text(
        "{option} 应为 {least} 到 {most} 之间的时间，现在是 {found}。",
        "请写数字加 s、m 或 h，例如 30s 或 1.5h。",
    ),
    "TH523": Text(
        "已有 {most} 个探测在使用 {path} 里的密钥，再多就无法区分了。",
        "请结束其中一个，或者为这个探测另用一个密钥（首次使用时生成）：`tailhub probe --key-file FILE`。"
        "如果中继只接纳已知的密钥，需要在那里放行它。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {}
