"""What ``tailhub dashboard`` prints, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "The relay's dashboard",
        "here": "In a browser on this machine:",
        "elsewhere": "From another machine: the first line there, in a terminal that stays open, then the link:",
        "user": "USER",
        "machine": "MACHINE",
        "secret": "The link has the operator's token in it: whoever has it may see and do everything. Without it, "
        "programs on this machine may look, and change nothing.",
        "reachable": "The operator's pages listen for other machines, too, without encryption: the token can be read "
        "on the way. ssh, as above, keeps it to yourself.",
        "off": "The dashboard cannot be opened: the relay's listener for it is off.",
        "off_todo": "Switch it on in the configuration file (or leave the line out), then restart the relay:",
    },
    "zh": {
        "title": "中继的仪表板",
        "here": "在这台机器的浏览器里打开：",
        "elsewhere": "从另一台机器：在那台机器的终端里运行第一行并保持打开，然后打开链接：",
        "user": "用户名",
        "machine": "机器",
        "secret": "链接里有运维令牌：谁拿到它，谁就能查看和操作一切。没有令牌时，这台机器上的程序只能查看，不能更改。",
        "reachable": "运维页面也为其他机器监听，而且没有加密：令牌在途中可能被读到。像上面那样用 ssh 就不会。",
        "off": "无法打开仪表板：中继没有为它监听。",
        "off_todo": "请在配置文件里打开它（或删去这一行），然后重新启动中继：",
    },
}
