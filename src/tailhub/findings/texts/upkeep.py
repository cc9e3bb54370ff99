"""What the findings of `tailhub.findings.upkeep` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH365": (
        "A notice to users: expected 1 to {most} characters, found {length}.",
        "As in `tailhub notice 'Maintenance on Sunday, 10:00 to 10:15 UTC'`.",
    ),
    "TH366": (
        "There are {most} notices already, and no more may be.",
        "`tailhub notice` lists them, `tailhub notice --clear --tenant NAME` takes one back, and "
        "`tailhub notice --clear` all of them.",
    ),
    "TH367": (
        "The tailhub at {place} is not upgraded by itself: {reason}.",
        "[[command?`{command}`||Get the new version the way that this one came, and restart the relay]]",
    ),
    "TH368": (
        "tailhub {version} was not taken over: {stage} failed: {reason}.",
        "[[restored?The version from before runs again||Nothing was changed, and the relay runs as before]]. Mend what "
        "it says, or say `--version` for another one.",
    ),
    "TH369": (
        "`{command}` failed: {reason}.",
        "Nothing was changed. Where packages come from is pip's own configuration (`pip config list`); try that "
        "command by itself.",
    ),
    "TH370": (
        "tailhub {version} is installed, and no service of this machine runs it.",
        "A relay that runs now goes on as {running} until you restart it.",
        "Programs that run keep the files with which they were started.",
        "The relay works as before, without what the new version mends.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH365": (
        "给用户的通知应为 1 到 {most} 个字符，实际为 {length} 个。",
        "例如 `tailhub notice 'Maintenance on Sunday, 10:00 to 10:15 UTC'`。",
    ),
    "TH366": (
        "已有 {most} 条通知，不能再多。",
        "`tailhub notice` 列出它们，`tailhub notice --clear --tenant NAME` 撤下一条，"
        "`tailhub notice --clear` 全部撤下。",
    ),
    "TH367": (
        "{place} 的 tailhub 不能自行升级：{reason}。",
        "[[command?`{command}`||请用安装它时的办法取得新版本，然后重启中继]]",
    ),
    "TH368": (
        "没有换用 tailhub {version}：{stage} 失败：{reason}。",
        "[[restored?原来的版本已经恢复运行||没有任何改动，中继照常运行]]。请按它所说的修正，"
        "或用 `--version` 指定别的版本。",
    ),
    "TH369": (
        "`{command}` 失败：{reason}。",
        "没有任何改动。软件包从哪里来由 pip 自己的配置决定（`pip config list`）；请单独试一试这条命令。",
    ),
    "TH370": (
        "tailhub {version} 已安装，但本机没有服务在运行它。",
        "正在运行的中继在重启之前仍是 {running}。",
        "运行中的程序继续使用启动时的文件。",
        "中继照旧工作，但没有新版本的修正。",
    ),
}
