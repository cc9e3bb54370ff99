"""What ``tailhub upgrade`` prints, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "installed": "Installed    tailhub {version}, by {kind}, in {prefix}",
        "service": "Service      {name}, which runs it",
        "no_service": "Service      none runs this installation",
        "newest": "To install   tailhub {version}",
        "same": "There is nothing to do: that is the one which is installed.",
        "dry": "Nothing was changed. Without --dry-run: install it beside, check the configuration, start it with a\n"
        "copy of the state, then take it over{restart}, or go back.",
        "dry_restart": " and restart the service",
        "prepared": "Beside       {prefix}",
        "checked": "Checked      its configuration, and a start with a copy of the state",
        "restarted": "Restarted    {name} with it, and it is up",
        "kept": "Before       kept in {before}; remove it when you need it no more",
        "stage_install": "installing it",
        "stage_check": "the check of the configuration",
        "stage_trial": "a start on trial",
        "stage_service": "the service's start",
        "stage_place": "putting it in its place",
    },
    "zh": {
        "installed": "已安装    tailhub {version}，方式 {kind}，位于 {prefix}",
        "service": "服务      {name}，由它运行",
        "no_service": "服务      没有服务使用此安装",
        "newest": "将安装    tailhub {version}",
        "same": "无需升级：已安装的就是这个版本。",
        "dry": "没有任何改动。不带 --dry-run 时：在旁边安装，检查配置，用状态的副本试启动，然后换用{restart}，"
        "不成则退回。",
        "dry_restart": "并重启服务",
        "prepared": "旁边      {prefix}",
        "checked": "已检查    它的配置，以及用状态副本的启动",
        "restarted": "已重启    {name} 已用新版本正常运行",
        "kept": "旧版本    保留在 {before}，不需要时可以删除",
        "stage_install": "安装",
        "stage_check": "配置检查",
        "stage_trial": "试启动",
        "stage_service": "服务启动",
        "stage_place": "换用",
    },
}
