"""What ``tailhub drain`` prints, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    # How far it is must fit into a line of a terminal, which is written over.
    "en": {
        "off": "The relay is not being emptied. Homes here: {homes}, visitors: {visitors}.",
        "delaying": "Busy devices are moving, {left} more. Homes left: {homes}, visitors: {visitors}.",
        "closing": "Quiet devices are asked to move. Homes left: {homes}, visitors: {visitors}.",
        "draining": "Connections are being closed, {left} more. Left: {all}.",
        "drained": "All connections are closed, and nobody is taken until `{program} drain --stop{option}`.",
        "gone": "All connections were closed, and the relay has ended.",
        "anew": "The relay serves everyone: it was started anew, or the drain was called off.",
        "empty": "The relay is empty: no device has its home here. It can be stopped now.",
        "left": "Homes left: {homes}. They do not find another region near enough, or never stop sending:",
        "more": "and {more} more",
        "stuck": "The relay goes on asking them. Stopping it now costs them a few seconds.",
        "stop": "It stays empty until it ends, or until `{program} drain --stop{option}`.",
        "ended": "It was ended: the relay serves everyone again.",
        "stopped": "The relay serves everyone again; those who are nearer to it come back within a minute.",
        "interrupted": "The relay goes on without this command. How far it is: `{program} drain --status{option}`; "
        "to end it: `{program} drain --stop{option}`.",
    },
    "zh": {
        "off": "中继没有在清空。以此为家的设备：{homes}，来访的：{visitors}。",
        "delaying": "忙碌的设备正在离开，还有 {left}。尚在此安家：{homes}，来访：{visitors}。",
        "closing": "正在请安静的设备离开。尚在此安家：{homes}，来访：{visitors}。",
        "draining": "正在逐个断开连接，还有 {left}。剩余：{all}。",
        "drained": "所有连接都已断开，也不再接受新的连接。`{program} drain --stop{option}` 恢复接受。",
        "gone": "所有连接都已断开，中继已经结束。",
        "anew": "中继正在为所有设备服务：它已重新启动，或者清空已被取消。",
        "empty": "中继已清空：没有设备以它为家。现在可以停止它。",
        "left": "尚在此安家的设备：{homes}。它们找不到足够近的其他区域，或者从不停止发送：",
        "more": "以及另外 {more} 个",
        "stuck": "中继会继续请它们离开。现在停止中继，它们会中断几秒钟。",
        "stop": "在中继结束或运行 `{program} drain --stop{option}` 之前，它会保持清空。",
        "ended": "清空已被取消：中继重新为所有设备服务。",
        "stopped": "中继重新为所有设备服务；离它更近的设备会在一分钟内回来。",
        "interrupted": "中继会继续清空，不需要这条命令。`{program} drain --status{option}` 查看进度，"
        "`{program} drain --stop{option}` 取消。",
    },
}
