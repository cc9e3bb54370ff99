"""The words of ``tailhub config``, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "sound": "sound",
        "errors": "{count} errors",
        "error": "1 error",
        "warnings": "{count} warnings",
        "warning": "1 warning",
        "comma": ", ",
        "file": "File",
        "absent": "{path}, which is not there (tailhub config init makes one)",
        "no_file": "none",
        "variables": "Variables",
        "flags": "Flags",
        "default": "default",
        "line": "line {line}",
        "quiet": "follows quiet",
        "restart": "; a change needs a restart",
        "listener": "Listener {number}",
        "tenant": "Tenant {name}",
        "faults": "Values that cannot be read are left out here: tailhub config check tells what is wrong.",
        "made": "tailhub config init   {path} is there",
        "edit": "Take the # away from the lines that you want to change, then see whether all is well:",
        "run": "Start the relay with it:",
    },
    "zh": {
        "sound": "没有问题",
        "errors": "{count} 个错误",
        "error": "1 个错误",
        "warnings": "{count} 个警告",
        "warning": "1 个警告",
        "comma": "，",
        "file": "文件",
        "absent": "{path}，不存在（tailhub config init 可生成）",
        "no_file": "无",
        "variables": "环境变量",
        "flags": "选项",
        "default": "默认",
        "line": "第 {line} 行",
        "quiet": "由 quiet 决定",
        "restart": "；更改后需要重启",
        "listener": "监听 {number}",
        "tenant": "租户 {name}",
        "faults": "无法读取的值没有列在这里：tailhub config check 会指出问题。",
        "made": "tailhub config init   已生成 {path}",
        "edit": "去掉要修改的行前面的 #，然后检查：",
        "run": "用它启动中继：",
    },
}
