"""What ``tailhub region restart`` prints, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from tailhub.findings import Language

__all__ = ["TEXTS"]

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "begin": "Region {id} ({code}): {names}, one after the other.",
        "begun": "restarting: {command}",
        "asked": "restart it now; it is waited for.",
        "ended": "ended after {seconds:.1f} s",
        "back": "back after {seconds:.1f} s",
        "linked": "all links are up after {seconds:.1f} s",
        "done": "Restarted: {done}.",
        "left": "Not restarted: {left}.",
        "nothing": "none",
        "stopping": "It stops when this node is back; Ctrl-C once more to leave it alone now.",
        "interrupted": "Left alone. The command was ended; what it has begun on the node's machine may go on.",
    },
    "zh": {
        "begin": "区域 {id}（{code}）：逐个重启 {names}。",
        "begun": "正在重启：{command}",
        "asked": "请现在重启它；正在等待。",
        "ended": "{seconds:.1f} 秒后结束",
        "back": "{seconds:.1f} 秒后恢复",
        "linked": "{seconds:.1f} 秒后所有链路都已建立",
        "done": "已重启：{done}。",
        "left": "没有重启：{left}。",
        "nothing": "无",
        "stopping": "这个节点恢复后就停下；再按一次 Ctrl-C 则立即不再等它。",
        "interrupted": "不再等待。该命令已终止；它在节点机器上开始的事可能会继续。",
    },
}
