"""What the findings of `tailhub.findings.derp_map` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH460": Text(
        "{origin} cannot be read as a DERP map: {reason}.",
        "Name a policy file, a map in JSON or YAML, or the URL of one.",
    ),
    "TH461": Text(
        "{origin}, line {line}, column {column}: expected {expected}, found [[found?`{found}`||the end]].",
        "Correct it there: Tailscale would refuse the file too.",
    ),
    "TH462": Text(
        "{origin} has no DERP map in it.",
        'Tailscale\'s policy has it as the member "derpMap"; `tailhub derpmap` prints one to paste.',
    ),
    "TH463": Text(
        "The map of this machine's tailnet cannot be had: {reason}.",
        "Run it where a Tailscale client runs and is logged in, or name a policy file.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH460": Text(
        "无法把 {origin} 当作 DERP map 读取：{reason}。",
        "请指定策略文件、JSON 或 YAML 格式的 map，或其 URL。",
    ),
    "TH461": Text(
        "{origin} 第 {line} 行第 {column} 列：应为 {expected}，实际是[[found? `{found}`||文件结尾]]。",
        "请在该处改正：Tailscale 同样不会接受这个文件。",
    ),
    "TH462": Text(
        "{origin} 中没有 DERP map。",
        '在 Tailscale 的策略文件中它是成员 "derpMap"；`tailhub derpmap` 会打印一份可供粘贴的内容。',
    ),
    "TH463": Text(
        "无法取得本机所在 tailnet 的 map：{reason}。",
        "请在运行着 Tailscale 客户端且已登录的机器上执行，或指定一个策略文件。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {}
