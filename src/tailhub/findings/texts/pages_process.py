"""What the findings of `tailhub.findings.pages_process` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH330": (
        "The process of the operator's pages has ended ({how}). The relay goes on, and starts another one for the next "
        "who asks.",
        "What it wrote before stands above in this log. If that happens again, report it with those lines.",
    ),
    "TH331": (
        "The operator's pages cannot be shown: their process ends again and again as soon as it has begun ({how}). The "
        "relay goes on; whoever asks for a page is told so, and in {pause_s} s it is tried again.",
        "The lines above say why. `pip install --force-reinstall tailhub` brings back packages that are missing.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH330": (
        "运维页面的进程已结束（{how}）。中继照常运行，下次有人访问时会重新启动该进程。",
        "它此前写下的内容见本日志上文。如果再次发生，请附上这些内容报告问题。",
    ),
    "TH331": (
        "无法显示运维页面：其进程每次刚启动就结束（{how}）。中继照常运行；访问页面者会收到说明，{pause_s} 秒后再试。",
        "原因见上文。`pip install --force-reinstall tailhub` 可以补上缺失的软件包。",
    ),
}
