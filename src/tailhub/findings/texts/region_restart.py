"""What the findings of `tailhub.findings.region_restart` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH591": Text(
        "Expected a region that is whole, found {trouble}. No node is restarted while it is so.",
        "Mend that first, for while a node restarts the others must do its work. What is wrong: "
        "`tailhub region check {map!q} --mesh-key-file {key!q}`",
    ),
    "TH592": Text(
        "Node {node} was not restarted: `{command}` failed ({reason}).",
        "Run the command by hand; it gets no shell, and nobody answers it. Then begin again with this node: `--node`.",
    ),
    "TH593": Text(
        "Node {node}: [[has_ended?its process ended, and `{command}` did not within {seconds} s; it was ended||"
        "expected its process to end within {seconds} s, found that it goes on[[command?, and so did `{command}`, "
        "which was ended]]]].",
        "[[command?Run the command by hand; it gets no terminal, so that it can ask for nothing. ||]]"
        "See whether it was told to restart, and whether it drains for longer than that (`drain_s`); `--timeout` gives "
        "it more time.",
    ),
    "TH594": Text(
        "Node {node} ended, and is not back after {seconds} s: {reason}.",
        "Look at its log on its machine, there: `sudo systemctl status tailhub`. The region's other nodes serve its "
        "clients; none of them was touched after it.",
    ),
    "TH595": Text(
        "Node {node} is back, but after {seconds} s the region is not whole: {trouble}.",
        "What keeps them apart: `tailhub region check {map!q} --mesh-key-file {key!q}`",
    ),
    "TH596": Text(
        "Nodes without a command that restarts them: {nodes}; and there is no terminal to ask a person.",
        'Give each one in the description, such as `restart = "ssh root@a.example.com systemctl restart tailhub"`, or '
        "name the nodes: `--node`.",
    ),
    "TH597": Text(
        "Expected a node of the description ({names}), found {name}.",
        "Name one of those.",
    ),
    "TH598": Text(
        "{directory}: expected the plan of this region, with `derpmap.json` and `mesh.key`, found none that fits.",
        "Make it: `tailhub region plan {description!q} --out {directory!q}`.",
    ),
    "TH599": Text(
        "{directory}: the nodes of this plan are being restarted already, by another program. No node was restarted.",
        "Wait until that is done: two nodes that are down at once leave too few.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH591": Text(
        "应为完整的区域，实际是 {trouble}。在此期间不会重启任何节点。",
        "请先解决：一个节点重启时，其他节点要替它工作。问题何在："
        "`tailhub region check {map!q} --mesh-key-file {key!q}`",
    ),
    "TH592": Text(
        "节点 {node} 没有重启：`{command}` 失败（{reason}）。",
        "请手工运行该命令；它没有 shell，也没有人应答它。然后从这个节点重新开始：`--node`。",
    ),
    "TH593": Text(
        "节点 {node}：[[has_ended?它的进程已结束，但 `{command}` 在 {seconds} 秒内没有结束，已将其终止||"
        "它的进程应在 {seconds} 秒内结束，实际仍在运行[[command?；`{command}` 也没有结束，已将其终止]]]]。",
        "[[command?请手工运行该命令：它没有终端，无法询问任何事。||]]"
        "请检查它是否收到了重启命令，以及它断开客户端的时间（`drain_s`）是否更长；`--timeout` 可给它更多时间。",
    ),
    "TH594": Text(
        "节点 {node} 已结束，{seconds} 秒后仍未恢复：{reason}。",
        "请在它的机器上查看日志：`sudo systemctl status tailhub`。"
        "该区域的其他节点在为它的客户端服务；此后没有动过其他节点。",
    ),
    "TH595": Text(
        "节点 {node} 已恢复，但 {seconds} 秒后区域仍不完整：{trouble}。",
        "请查看是什么隔开了它们：`tailhub region check {map!q} --mesh-key-file {key!q}`",
    ),
    "TH596": Text(
        "没有重启命令的节点：{nodes}；也没有终端可以请人来做。",
        '请在描述中为每个节点写上命令，例如 `restart = "ssh root@a.example.com systemctl restart tailhub"`，'
        "或指定节点：`--node`。",
    ),
    "TH597": Text(
        "应为描述中的节点（{names}），实际是 {name}。",
        "请写其中之一。",
    ),
    "TH598": Text(
        "{directory}：应有该区域的规划，含 `derpmap.json` 和 `mesh.key`，实际没有相符的。",
        "请生成：`tailhub region plan {description!q} --out {directory!q}`。",
    ),
    "TH599": Text(
        "{directory}：另一个程序正在重启该规划的节点。没有重启任何节点。",
        "请等它完成：同时停掉两个节点，剩下的就太少了。",
    ),
}
