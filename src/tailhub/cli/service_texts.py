"""What ``tailhub service`` prints, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[str, dict[Language, str]] = {
    "config_made": {
        "en": "Configuration   {path}   new: everything in it is commented out, the defaults count",
        "zh": "配置            {path}   新建：其中各项均被注释，使用默认值",
    },
    "state_moved": {
        "en": "State           {before} -> {after}   same key, same pin; the old one is now {kept}",
        "zh": "状态目录        {before} -> {after}   密钥和指纹不变；原目录改名为 {kept}",
    },
    "several_states": {
        "en": (
            "Several relays have left state: {places}. None was moved, the service begins anew.\n"
            "To take one: `sudo tailhub service uninstall`, copy it to {target}, and install again."
        ),
        "zh": (
            "发现多个中继的状态目录：{places}。均未移动，服务从零开始。\n"
            "要使用其中一个：`sudo tailhub service uninstall`，把它复制到 {target}，再重新安装。"
        ),
    },
    "installed": {
        "en": (
            "\n  {name} is running as a service, and starts with the machine.\n\n"
            "  User      {user}\n"
            "  Config    {config}   after a change: sudo systemctl restart {name}\n"
            "  State     {state}   keep this: losing it cuts off every client\n"
            "  Log       journalctl -u {name} -f   the map to paste is in it, and in:\n"
            "  Map       {derpmap}\n"
        ),
        "zh": (
            "\n  {name} 已作为服务运行，并随系统启动。\n\n"
            "  用户      {user}\n"
            "  配置      {config}   修改后执行：sudo systemctl restart {name}\n"
            "  状态目录  {state}   请妥善保存：丢失后所有客户端都将断开\n"
            "  日志      journalctl -u {name} -f   其中有要粘贴的 map，也可以用：\n"
            "  Map       {derpmap}\n"
        ),
    },
    "upgraded": {
        "en": "The unit of {name} is that of this version, and the service runs with it.",
        "zh": "{name} 的单元文件已更新为当前版本，服务正常运行。",
    },
    "running": {
        "en": (
            "{name} is running: {state} since {since}, pid {pid}, restarted {restarts} times by itself\n"
            "  User {user}   Config {config}   State {state_dir}"
        ),
        "zh": (
            "{name} 正在运行：{state}，自 {since}，pid {pid}，自动重启 {restarts} 次\n"
            "  用户 {user}   配置 {config}   状态目录 {state_dir}"
        ),
    },
    "not_running": {
        "en": "{name} is not running: {state}. `journalctl -u {name} -n 30` shows what it said last.",
        "zh": "{name} 没有运行：{state}。`journalctl -u {name} -n 30` 可以看到最后的输出。",
    },
    "uninstalled": {
        "en": (
            "The service {name} is gone. Its state {state}, configuration {config} and user {user} are still here:\n"
            "whoever installs it again goes on with the same key and pin."
        ),
        "zh": (
            "服务 {name} 已移除。状态目录 {state}、配置 {config} 和用户 {user} 仍然保留：\n重新安装后密钥和指纹不变。"
        ),
    },
}
