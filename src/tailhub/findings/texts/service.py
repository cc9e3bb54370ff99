"""What the findings of `tailhub.findings.service` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH151": (
        "This machine is not run by systemd, so there is no service to install.",
        "Let the init system or a container start `{command}` and restart it when it ends.",
    ),
    "TH152": (
        "Only root may change services.",
        "`sudo {command}`",
    ),
    "TH153": (
        "The service's user `{user}` cannot start {program}: {reason}.",
        "Install tailhub where every user may read it: `sudo python3 -m venv /opt/tailhub && "
        "sudo /opt/tailhub/bin/pip install tailhub && sudo /opt/tailhub/bin/tailhub service install`",
    ),
    "TH154": (
        "The service {name} does not come up: {reason}.",
        "`journalctl -u {name} -n 30` shows what it said[[restored?. The unit from before is in place again]].",
    ),
    "TH155": (
        "There is no service {name} on this machine.",
        "`sudo {command}`",
    ),
    "TH232": (
        "--name: expected up to 64 letters, digits, `-` and `_`, found `{name}`.",
        "As in `--name tailhub2`; its unit, state and configuration are called so.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH151": (
        "本机不由 systemd 管理，无法安装服务。",
        "请让本机的 init 系统或容器启动 `{command}`，并在它退出后重启。",
    ),
    "TH152": (
        "只有 root 可以更改服务。",
        "`sudo {command}`",
    ),
    "TH153": (
        "服务用户 `{user}` 无法启动 {program}：{reason}。",
        "请把 tailhub 装到所有用户都能读取的地方：`sudo python3 -m venv /opt/tailhub && "
        "sudo /opt/tailhub/bin/pip install tailhub && sudo /opt/tailhub/bin/tailhub service install`",
    ),
    "TH154": (
        "服务 {name} 没有启动成功：{reason}。",
        "`journalctl -u {name} -n 30` 可以看到它的输出[[restored?。原来的单元已经恢复]]。",
    ),
    "TH155": (
        "本机没有服务 {name}。",
        "`sudo {command}`",
    ),
    "TH232": (
        "--name：应为最多 64 个字母、数字、`-` 和 `_`，实际为 `{name}`。",
        "例如 `--name tailhub2`；单元、状态目录和配置目录都用这个名字。",
    ),
}
