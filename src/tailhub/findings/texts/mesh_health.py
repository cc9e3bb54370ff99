"""What the findings of `tailhub.findings.mesh_health` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH550": Text(
        "No mesh link to {peer} since {since}[[some?, in {some} of {workers} processes]].\n[[reason?{reason}.]]",
        "[[todo?{todo}.]]\nSee whether that relay runs and can be reached from here: `tailhub doctor {place!q}`",
        "That relay is away or being restarted, or something lies in between: a firewall, a name that leads elsewhere, "
        "a certificate that is not the expected one. This relay tries again by itself, every few seconds.",
        "Clients here cannot send to clients that are connected there; the other way goes by that relay's own link.",
    ),
    "TH551": Text(
        "[[reason?{reason}||{peer} does not take this relay for a mesh peer]].",
        "Give all relays of the region the same mesh key, as `mesh_key_file` (derper: `-mesh-psk-file`)\n"
        "Then have each read it again: `tailhub reload`\n"
        "Which ones differ: `tailhub region check <map> --mesh-key-file <file>`",
        "The two relays have different mesh keys, or that one has none.",
        "Clients here cannot send to clients that are connected there.",
    ),
    "TH552": Text(
        "{peer} has no mesh link to this relay.\nThis relay's link to it is up since {since}; none comes back.",
        "Name this relay there in `mesh_with` (derper: `-mesh-with`)\n"
        "If it is named, see on that relay why its link fails: `tailhub doctor --local`\n"
        "All links of the region: `tailhub region check <map> --mesh-key-file <file>`",
        "A mesh needs a link in each direction, and each relay opens its own: that one does not know of this relay, or "
        "cannot reach it.",
        "Clients there cannot send to clients here, while the other way works: connections between them hang.",
    ),
    "TH553": Text(
        "A mesh peer at {address} has a link to this relay, and this relay has none to it.\n"
        "Its key is {key}; no entry of `mesh_with` leads there.",
        "Name it in `mesh_with`, then: `tailhub reload`\n"
        "If it is no relay but only watches who is connected, let it be.",
        "A mesh needs a link in each direction, and each relay opens its own: this one was not told of that one.",
        "Clients here cannot send to clients that are connected there.",
    ),
    "TH554": Text(
        "{missing} has no mesh link to {there}.\n"
        "This relay has links to both, and {there} does not have {missing} among its mesh peers.",
        "On {missing}, see that {there} is named in `mesh_with`, and why the link fails: `tailhub doctor --local`\n"
        "All links of the region: `tailhub region check <map> --mesh-key-file <file>`",
        "Each relay of a region needs a link to each other one, for a packet takes one hop at most. That one was not "
        "told of the other, or cannot reach it.",
        "Clients at {missing} cannot send to clients at {there}.",
    ),
    "TH555": Text(
        "{peer} runs tailhub {theirs}, this relay {ours}.",
        "Bring all relays of the region to one version when it suits, one after the other.",
        "They were not updated together.",
        "Nothing breaks: relays of different versions forward for each other.",
    ),
    "TH556": Text(
        "All that `mesh_with` names is this relay itself: {peers}.",
        "Name the other relays of the region there, then: `tailhub reload`",
        "The names or addresses lead back to this machine: the same list may stand at every relay, but the others have "
        "to be on it.",
        "This relay has no mesh: its clients reach each other, and nobody else.",
    ),
    "TH557": Text(
        "{peer} does what no relay of a region should.\n{deeds}.",
        "Bring both relays to their latest version; if it goes on, report it with this line.",
        "A fault of its program or of its mesh: this relay ignores it, and counts it.",
        "Clients notice nothing, but for packets of that relay that nobody here gets.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH550": Text(
        "自 {since} 起没有到 {peer} 的 mesh 链路[[some?（{workers} 个进程中的 {some} 个）]]。\n[[reason?{reason}。]]",
        "[[todo?{todo}。]]\n检查该中继是否在运行、从本机能否连到：`tailhub doctor {place!q}`",
        "该中继已停止或正在重启，或者中间有阻碍：防火墙、指向别处的域名、与预期不同的证书。本中继每隔几秒自动重试。",
        "这里的客户端无法向连接在那边的客户端发送；反方向走那台中继自己的链路。",
    ),
    "TH551": Text(
        "[[reason?{reason}||{peer} 不把本中继当作 mesh 对端]]。",
        "让该区域的所有中继使用同一个 mesh 密钥，即 `mesh_key_file`（derper：`-mesh-psk-file`）\n"
        "然后让每台重新读取：`tailhub reload`\n"
        "哪几台不同：`tailhub region check <map> --mesh-key-file <文件>`",
        "两台中继的 mesh 密钥不同，或者那台没有设置。",
        "这里的客户端无法向连接在那边的客户端发送。",
    ),
    "TH552": Text(
        "{peer} 没有到本中继的 mesh 链路。\n本中继到它的链路自 {since} 起正常，但没有反向的链路。",
        "在那台中继的 `mesh_with` 里写上本中继（derper：`-mesh-with`）\n"
        "如果已经写上，请在那台中继上查看链路失败的原因：`tailhub doctor --local`\n"
        "该区域的所有链路：`tailhub region check <map> --mesh-key-file <文件>`",
        "mesh 的每个方向都需要一条链路，由各中继自己建立：那台不知道本中继，或者连不到它。",
        "那边的客户端无法向这里的客户端发送，而反方向正常：它们之间的连接会卡住。",
    ),
    "TH553": Text(
        "位于 {address} 的 mesh 对端有到本中继的链路，而本中继没有到它的链路。\n"
        "它的密钥是 {key}；`mesh_with` 里没有通向它的条目。",
        "把它写进 `mesh_with`，然后运行：`tailhub reload`\n如果它不是中继，只是查看谁在线，则不必处理。",
        "mesh 的每个方向都需要一条链路，由各中继自己建立：本中继没有被告知那一台。",
        "这里的客户端无法向连接在那边的客户端发送。",
    ),
    "TH554": Text(
        "{missing} 没有到 {there} 的 mesh 链路。\n本中继与两者都有链路，而 {there} 的 mesh 对端里没有 {missing}。",
        "在 {missing} 上，确认 `mesh_with` 里有 {there}，并查看链路失败的原因：`tailhub doctor --local`\n"
        "该区域的所有链路：`tailhub region check <map> --mesh-key-file <文件>`",
        "区域里的每台中继都需要到其他每台的链路，因为数据包最多经过一跳。那台没有被告知另一台，或者连不到它。",
        "{missing} 的客户端无法向 {there} 的客户端发送。",
    ),
    "TH555": Text(
        "{peer} 运行 tailhub {theirs}，本中继是 {ours}。",
        "方便时把该区域的所有中继逐台更新到同一版本。",
        "它们没有一起更新。",
        "没有任何影响：不同版本的中继可以相互转发。",
    ),
    "TH556": Text(
        "`mesh_with` 里写的全是本中继自己：{peers}。",
        "在其中写上该区域的其他中继，然后运行：`tailhub reload`",
        "这些名字或地址指回本机：每台中继可以使用同一份列表，但其他中继必须在其中。",
        "本中继没有 mesh：它的客户端只能相互到达。",
    ),
    "TH557": Text(
        "{peer} 做了区域里的中继不应做的事。\n{deeds}。",
        "请把两台中继更新到最新版本；如果仍然出现，请连同这一行报告。",
        "它的程序或它的 mesh 有问题：本中继会忽略并计数。",
        "客户端察觉不到，只是那台中继转发来的某些数据包在这里无人接收。",
    ),
}

STEPS: dict[str, tuple[str, str]] = {"mesh": ("mesh", "mesh")}

REMARKS: dict[str, tuple[str, str]] = {
    "mesh_link_up": ("linked to {peer}, clients there: {clients}", "已连接 {peer}，那边的客户端：{clients} 个"),
    "odd_too_many_keys": ("more clients than are taken: {count}", "客户端多于可接受的数量：{count} 次"),
    "odd_too_many_peers": ("more mesh peers than are taken: {count}", "mesh 对端多于可接受的数量：{count} 次"),
    "odd_unknown_tenant": ("clients of tenants that are not here: {count}", "这里没有的租户的客户端：{count} 次"),
    "odd_unknown_gone": ("clients left that it had not told of: {count}", "未曾通告的客户端离开：{count} 次"),
    "odd_our_key": ("this relay's own key told as a client's: {count}", "把本中继的密钥当作客户端：{count} 次"),
    "odd_unknown_dest": ("packets forwarded for nobody here: {count}", "转发给这里没有的客户端的数据包：{count} 个"),
    "odd_our_client": (
        "packets forwarded of clients that are here: {count}",
        "转发本中继客户端发出的数据包：{count} 个",
    ),
    "odd_too_many_sources": (
        "packets of more sources than are kept: {count}",
        "来源多于可记录数量的数据包：{count} 个",
    ),
}
