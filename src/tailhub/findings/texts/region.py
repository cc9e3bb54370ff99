"""What the findings of `tailhub.findings.region` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH560": Text(
        "Node {node} of the region is missing: {reason}.",
        "See what the check of this node says: `tailhub doctor <map>`\n"
        "If it is gone for good, take it out of the map, and out of `mesh_with` of the other nodes.",
        "It does not run, the map is wrong about it, or something on the way stops clients.",
        "Clients of the region take the next node of the map, after they have tried this one in vain. If it runs and "
        "has lost its links, its clients are cut off from those of the other nodes.",
    ),
    "TH561": Text(
        "The mesh is open one way only: packets do not pass from {sender} to {receivers}.\n"
        "[[keyed?{sender} is not among the mesh peers of {receivers}, so it has not dialled there; the other way there "
        "is a link.||Packets between two clients of this check came through the other way, and not this way.]]",
        "On {sender} name the other nodes in `mesh_with` (derper: `-mesh-with`).\n"
        "If they are named there, see why the link does not come up, in the log of {sender}: "
        "`journalctl -u tailhub -g mesh`",
        "Each relay of a mesh dials every other one itself, and sends packets only over links that it has dialled. One "
        "is missing: it is not configured, its name leads elsewhere, a firewall stops it, or its certificate or mesh "
        "key is not taken.",
        "Devices at {sender} do not reach devices at {receivers} through this region: pings and first packets get "
        "lost. The other way they come through, so it looks like a fault of one device.",
    ),
    "TH562": Text(
        "Between some nodes of the mesh there is no link, in neither direction: {pairs}.\n"
        "[[keyed?Neither is a mesh peer of the other.||Packets between two clients of this check came through "
        "neither way.]]",
        "On both nodes name the other one in `mesh_with` (derper: `-mesh-with`).\n"
        "If they are named there, see whether the network between them is cut, and what the log of each says: "
        "`journalctl -u tailhub -g mesh`",
        "Packets take one hop in a mesh: two nodes that have no link do not reach each other by way of a third.",
        "Devices at one of these nodes do not reach devices at the other through this region, unless they have a "
        "direct path.",
    ),
    "TH563": Text(
        "The mesh key is not taken by {nodes}, while other nodes of the region take it.",
        "Put the same mesh key on all nodes: setting `mesh_key_file` (derper: `-mesh-psk-file`).\n"
        "Compare what they have, on each machine: `sha256sum <file>`\n"
        "While the key is being changed, let all nodes accept both keys first.",
        "It has another mesh key, or none. A relay takes one with a wrong key for an ordinary client, and closes the "
        "connection when that asks who else is there.",
        "It has no links from other nodes, and they have none from it: its devices reach only each other through this "
        "region.",
    ),
    "TH564": Text(
        "The mesh key that was given is not taken by any node that can be reached: {nodes}.",
        "Give the file that the relays have: setting `mesh_key_file` (derper: `-mesh-psk-file`).\n"
        "Without the mesh key packets are sent instead, which shows the ways that there are: leave `--mesh-key-file` "
        "out.",
        "The nodes have another mesh key, or none.",
        "Nothing: only this check could not look.",
    ),
    "TH565": Text(
        "These nodes show the same server key: {nodes}.\nIt is {key}.\n"
        "[[untried?They may also be one relay that is in the map several times; that could not be made sure of.||"
        "They are not one relay: a client of one is not seen at the other.]]",
        "Give each relay a state directory of its own. On the copy, stop the relay, move the key away and start it: "
        "`mv <state>/derper.key <state>/derper.key.old`\n"
        "Then make the map anew: the name in it may follow from the key.",
        "The state of one relay was copied to another machine, with its private key. The nodes of a mesh know each "
        "other by this key: each of these takes the other for itself and has no link to it.",
        "Devices at one of these nodes do not reach devices at the other through this region.",
    ),
    "TH566": Text(
        "Several nodes of the map are one relay: {nodes}.",
        "Correct the address of the node that should lead elsewhere, or take it out of the map.",
        "They have the same address, their names resolve to it, or a proxy passes both to the same relay.",
        "The region has fewer relays than its map says: when this one stops, all these nodes stop.",
    ),
    "TH567": Text(
        "The mesh has {count} relays that are no nodes of this region in the map: mesh peers of {nodes}.\n"
        "Their server keys: {keys}.",
        "If they are yours, put them into the map, or take the region's nodes out of their `mesh_with`.\n"
        "If you do not know them, make a new mesh key and put it on all nodes: `openssl rand -hex 32`",
        "Somebody has logged in with the mesh key of this region: a node that is not in the map yet or any more, a "
        "relay of another region, or a stranger.",
        "Nothing, if they are yours. A mesh peer is told which devices are connected from which address, and may send "
        "packets to each in the name of any other.",
    ),
    "TH568": Text(
        "The nodes run different versions of tailhub: {versions}.",
        "Bring them to one version, one after the other: `tailhub upgrade`",
        "That is usual while an upgrade is going on: versions understand each other in a mesh.",
        "Nothing. What only the newer version can do may work at some nodes and not at others.",
    ),
    "TH569": Text(
        "The {count} nodes of this region are not meshed: no packet passes from one to another.\n"
        "[[keyed?No node is a mesh peer of another.||Packets between two clients of this check, at each two nodes "
        "and each way, did not come through.]]",
        "Mesh them: the same `mesh_key_file` on all of them, and on each the others in `mesh_with`.\n"
        "Or make a region of each: a device then finds the relay that is the other one's home, and nothing must be "
        "passed on.",
        "Several nodes of one region are one relay to clients: a device goes to the first that answers, and expects "
        "each peer whose home is this region there.",
        "Two devices reach each other through this region only while both happen to be at the same node.",
    ),
    "TH570": Text(
        "Node {node} is outside the mesh: it has no link to any other node, and none to it.\n"
        "[[keyed?It has no mesh peer of this region and is none.||Packets between a client there and clients of this "
        "check at the other nodes came through neither way.]]",
        "On this node name all others in `mesh_with` (derper: `-mesh-with`), and it on each of them, with the same "
        "`mesh_key_file`.\n"
        "If they are named there, see whether it reaches the other machines, and what its log says: "
        "`journalctl -u tailhub -g mesh`",
        "It was added without being named in the mesh, it has another mesh key, or the network between it and all "
        "others is cut.",
        "Devices at this node reach only each other through this region.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH560": Text(
        "区域缺少节点 {node}：{reason}。",
        "看看对这个节点的检查说了什么：`tailhub doctor <map>`\n"
        "如果它不再使用，请从 map 中移除，并从其他节点的 `mesh_with` 中移除。",
        "它没有运行，或 map 里的内容有误，或途中有什么挡住了客户端。",
        "该区域的客户端先徒劳地尝试它，然后使用 map 中的下一个节点。如果它在运行而链路已断，"
        "它的客户端与其他节点的客户端互相隔绝。",
    ),
    "TH561": Text(
        "mesh 只通一个方向：数据包无法从 {sender} 到达 {receivers}。\n"
        "[[keyed?{sender} 不在 {receivers} 的 mesh 对端之中，说明它没有连接过去；反方向有链路。||"
        "本检查的两个客户端之间，反方向的数据包能到达，这个方向的到不了。]]",
        "在 {sender} 的 `mesh_with`（derper：`-mesh-with`）里写上其他节点。\n"
        "如果已经写了，请在 {sender} 的日志里看链路为何建立不起来：`journalctl -u tailhub -g mesh`",
        "mesh 中的每台中继都要自己连接其他每一台，并且只通过自己建立的链路发送数据包。其中少了一条：没有配置、"
        "名称指向别处、"
        "被防火墙拦截，或其证书或 mesh 密钥未被接受。",
        "{sender} 上的设备无法经由这个区域到达 {receivers} 上的设备：ping 和最初的数据包会丢失。反方向是通的，"
        "所以看起来像是某台设备的故障。",
    ),
    "TH562": Text(
        "mesh 中有些节点之间两个方向都没有链路：{pairs}。\n"
        "[[keyed?两者都不是对方的 mesh 对端。||本检查的两个客户端之间，两个方向的数据包都到不了。]]",
        "在这两个节点的 `mesh_with`（derper：`-mesh-with`）里互相写上对方。\n"
        "如果已经写了，请检查两者之间的网络是否中断，以及各自的日志：`journalctl -u tailhub -g mesh`",
        "数据包在 mesh 中只走一跳：没有链路的两个节点不能经由第三个节点相通。",
        "除非已有直连路径，这两个节点上的设备无法经由这个区域互相到达。",
    ),
    "TH563": Text(
        "{nodes} 不接受这个 mesh 密钥，而该区域的其他节点接受。",
        "让所有节点使用同一个 mesh 密钥：设置 `mesh_key_file`（derper：`-mesh-psk-file`）。\n"
        "比较各台机器上的文件：`sha256sum <文件>`\n"
        "更换密钥期间，请先让所有节点同时接受新旧两个密钥。",
        "它的 mesh 密钥不同，或者没有。中继把密钥不对的一方当作普通客户端，当对方要求得知还有谁在线时就断开连接。",
        "其他节点与它之间没有链路：它的设备在这个区域里只能互相到达。",
    ),
    "TH564": Text(
        "能连上的节点都不接受给出的 mesh 密钥：{nodes}。",
        "请给出各中继所用的文件：设置 `mesh_key_file`（derper：`-mesh-psk-file`）。\n"
        "没有 mesh 密钥时改为发送数据包，也能看出哪些方向是通的：去掉 `--mesh-key-file`。",
        "这些节点的 mesh 密钥不同，或者没有。",
        "没有影响：只是这次检查看不到。",
    ),
    "TH565": Text(
        "这些节点出示同一个服务器密钥：{nodes}。\n密钥是 {key}。\n"
        "[[untried?也可能是同一台中继在 map 中出现多次；这一点无法确认。||它们不是同一台中继："
        "其中一台上的客户端在另一台上看不到。]]",
        "让每台中继使用自己的状态目录。在复制出来的那台上停掉中继，移走密钥，再启动："
        "`mv <状态目录>/derper.key <状态目录>/derper.key.old`\n"
        "然后重新生成 map：其中的名称可能由密钥得出。",
        "一台中继的状态连同私钥被复制到了另一台机器上。mesh 的节点靠这个密钥互相识别：它们都把对方当成自己，"
        "因而没有链路。",
        "这些节点之一上的设备无法经由这个区域到达另一个节点上的设备。",
    ),
    "TH566": Text(
        "map 中的几个节点其实是同一台中继：{nodes}。",
        "改正本应指向别处的那个节点的地址，或把它从 map 中移除。",
        "它们的地址相同、名称解析到同一地址，或有代理把两者转给了同一台中继。",
        "这个区域的中继比 map 上写的少：这一台停止时，这些节点全部停止。",
    ),
    "TH567": Text(
        "mesh 中有 {count} 台中继不是 map 里这个区域的节点：它们是 {nodes} 的 mesh 对端。\n它们的服务器密钥：{keys}。",
        "如果是你的，请把它们写进 map，或从它们的 `mesh_with` 中去掉这个区域的节点。\n"
        "如果你不认识，请生成新的 mesh 密钥并放到所有节点上：`openssl rand -hex 32`",
        "有人用这个区域的 mesh 密钥登录了：尚未写进 map 或已从中移除的节点、别的区域的中继，或者陌生人。",
        "如果是你的，就没有影响。mesh 对端会得知哪些设备从哪个地址连接，并能以任何一台设备的名义向其他设备发送数据包。",
    ),
    "TH568": Text(
        "各节点运行的 tailhub 版本不同：{versions}。",
        "逐台升级到同一版本：`tailhub upgrade`",
        "升级过程中这很常见：不同版本在 mesh 中可以互通。",
        "没有影响。只有新版本才有的功能，可能在一些节点上可用，在另一些上不可用。",
    ),
    "TH569": Text(
        "这个区域的 {count} 个节点没有组成 mesh：数据包无法从一个节点到达另一个。\n"
        "[[keyed?它们之中没有谁是另一个的 mesh 对端。||本检查的客户端在每两个节点之间、"
        "每个方向上发送的数据包都没有到达。]]",
        "让它们组成 mesh：所有节点用同一个 `mesh_key_file`，并在每个节点的 `mesh_with` 里写上其他节点。\n"
        "或者让每个节点成为单独的区域：这样设备会找到对端的 home 中继，不需要任何转发。",
        "对客户端来说，同一区域的几个节点是同一台中继：设备使用最先应答的那个，并认为 home 在这个区域的对端都在那里。",
        "两台设备只有恰好在同一个节点上时，才能经由这个区域互相到达。",
    ),
    "TH570": Text(
        "节点 {node} 在 mesh 之外：它与其他节点之间两个方向都没有链路。\n"
        "[[keyed?它没有这个区域的 mesh 对端，也不是谁的对端。||"
        "那里的客户端与本检查在其他节点上的客户端之间，两个方向的数据包都到不了。]]",
        "在这个节点的 `mesh_with`（derper：`-mesh-with`）里写上其他所有节点，在其他节点上也写上它，并使用同一个 "
        "`mesh_key_file`。\n"
        "如果已经写了，请检查它能否连上其他机器，以及它的日志：`journalctl -u tailhub -g mesh`",
        "加入它时没有写进 mesh，或它的 mesh 密钥不同，或它与其他所有节点之间的网络中断。",
        "这个节点上的设备在这个区域里只能互相到达。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "region-nodes": ("all {count} nodes of the region can be used", "这个区域的 {count} 个节点都可用"),
    "region-node-gone": ("{node} is missing", "缺少 {node}"),
    "region-key-taken": ("taken by each node that answers", "有应答的节点都接受"),
    "region-linked": (
        "[[keyed?each of {count} nodes has a link to each other one||packets pass between each two of {count} nodes, "
        "both ways]]",
        "[[keyed?{count} 个节点两两之间都有链路||{count} 个节点两两之间的数据包在两个方向上都能到达]]",
    ),
    "region-unlooked": ("fewer than two nodes could be looked at", "能查看的节点不足两个"),
    "region-not-let-in": (
        "not let in at {nodes}, so nothing is known of the ways there; with `--mesh-key-file` it would be",
        "未获准进入 {nodes}，因此不知道那里的情况；用 `--mesh-key-file` 可以得知",
    ),
}

STEPS: dict[str, tuple[str, str]] = {
    "region_nodes": ("nodes", "节点"),
    "region_key": ("mesh key", "mesh 密钥"),
    "region_links": ("mesh", "mesh"),
}
