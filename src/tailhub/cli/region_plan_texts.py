"""What ``tailhub region plan`` and ``restart`` print, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "planned": "Region {id} ({code}), nodes: {nodes}, in {directory}",
        "nothing_new": ": nothing is new.",
        "new": "new",
        "changed": "changed",
        "other": "{name}/ is no node's directory; it was left alone. If it was one's, it has that node's secrets.",
        "copy": "Copy each node's directory to its machine, for the relay's user alone. With `tailhub service install` "
        "(so it is with a change, too: a tailhub that runs takes most of them without a restart):",
        "script": "A derper is started by the script in its directory, wherever that is copied to:",
        "map": "Give clients the new map, {file}. As a piece of Tailscale's policy, or for Headscale with --to yaml:",
        "check": "Look whether every node has found every other:",
        "key_copy": "Two mesh keys: the new one and the old one. Copy mesh.key to each tailhub, and have it read "
        "there:",
        "key_derper": "Then copy mesh.key to each derper, one after the other, and restart it. It takes one key only: "
        "two of them do not see each other until both have the new one.",
        "key_drop": "When all nodes have it, take the old key out:",
        "key_dropped": "One mesh key again. Copy mesh.key to each tailhub, and have it read there:",
    },
    "zh": {
        "planned": "区域 {id}（{code}），节点数：{nodes}，目录 {directory}",
        "nothing_new": "：没有变化。",
        "new": "新",
        "changed": "已变",
        "other": "{name}/ 不是任何节点的目录，没有动它。如果它曾是某个节点的目录，里面有该节点的机密。",
        "copy": "把每个节点的目录复制到它的机器上，只让中继的用户可读。按 `tailhub service install` 的布局如下，"
        "修改之后也一样（正在运行的 tailhub 大多不必重启就会采用）：",
        "script": "derper 由其目录中的脚本启动，目录复制到哪里都可以：",
        "map": "把新的 map {file} 交给客户端。写进 Tailscale 策略的片段如下；Headscale 用 --to yaml：",
        "check": "检查每个节点是否都找到了其他节点：",
        "key_copy": "现在有两个 mesh 密钥：新的和旧的。把新的 mesh.key 复制到每个 tailhub 节点，并让它重新读取：",
        "key_derper": "然后逐个把新的 mesh.key 复制到每个 derper 并重启它。derper 只能有一个密钥："
        "两个 derper 都换好之前彼此看不见。",
        "key_drop": "所有节点都有了新密钥之后，去掉旧的：",
        "key_dropped": "又只有一个 mesh 密钥了。把 mesh.key 复制到每个 tailhub 节点，并让它重新读取：",
    },
}
