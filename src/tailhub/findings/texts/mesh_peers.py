"""What the findings of `tailhub.findings.mesh_peers` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH540": (
        "{place}: `{text}` names no relay: {reason}.",
        "Write HOST, HOST:PORT, HOST:PORT/DIAL-HOST:PORT, dns:NAME or srv:NAME, as in `{place:=b.example.com:8443}`; a "
        "pin stands behind that, as in `b.example.com?cert=sha256-raw:<64 hex digits>`.",
    ),
    "TH541": (
        "{place} names other relays, and there is no mesh key: they would take this relay for a client.",
        "All relays of a region share one secret. Copy it from another relay, or make it, `(umask 077; openssl rand "
        "-hex 32 > mesh.key)`, and name the file on each: `{key_place:=/etc/tailhub/mesh.key}`",
    ),
    "TH542": (
        "{place}: `{first}` and `{second}` lead to the same place.",
        "Remove one of the two: a relay keeps one link to each other one.",
    ),
    "TH543": (
        "{place}: expected at most {most} relays, found {count}.",
        "Name fewer. A region of that size is better made into several.",
    ),
    "TH544": (
        "A relay at {address} with the key {key} [[has_key?shows a mesh key that is not the one of this "
        "relay||shows a mesh key, and this relay has none]]: it is treated as a client.",
        "If it belongs to this region, let both have the same key: copy the file of `mesh_key_file` from one to the "
        "other, and `tailhub reload`. Otherwise take this relay out of the other one's `mesh_with`.",
        "The region's secret was changed on one relay only, or a relay of another region dials this one.",
        "Packets for clients of this relay do not come from there. Between clients that are on different relays of the "
        "region there is no connection by way of the relays.",
    ),
    "TH545": (
        "`{text}` in mesh_with cannot be looked up: {reason}.",
        "[[known?Links to the {known} relays that were found there before are kept; it is||It is]] tried again each "
        "minute. If it stays so, check the name: `getent ahosts NAME`, or for srv: `dig +short srv NAME`.",
        "The name is mistyped or gone, or this machine's DNS does not answer.",
        "[[known?Nothing yet; a relay that is new at this name is not found||This relay has no links to the relays "
        "that the name stands for, and no packet comes to their clients from here]].",
    ),
    "TH546": (
        "The names in mesh_with lead to {count} relays; links are kept to {most} of them.",
        "Let the names have fewer addresses. A region of that size is better made into several.",
    ),
    "TH547": (
        "{path}: expected one mesh key, or an old one and a new one, a line each; found {count}.",
        "Leave in the file the key that the region's relays have, and at most one more, that takes its place.",
    ),
    "TH548": (
        "{place}: found with {mesh_place}. The region that this relay writes into the map has one node, itself: it "
        "takes those of the other relays out.",
        "Leave {place} out, and put the map in place that names all nodes: `tailhub region plan` makes it.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH540": (
        "{place}：`{text}` 不能指定中继：{reason}。",
        "请写成 HOST、HOST:PORT、HOST:PORT/DIAL-HOST:PORT、dns:NAME 或 srv:NAME，例如 "
        "`{place:=b.example.com:8443}`；指纹写在其后，例如 `b.example.com?cert=sha256-raw:<64 位十六进制数>`。",
    ),
    "TH541": (
        "{place} 指定了其他中继，却没有 mesh 密钥：它们会把本中继当作客户端。",
        "同一区域的中继共用一个密钥。请从另一台中继复制，或生成一个：`(umask 077; openssl rand "
        "-hex 32 > mesh.key)`，并在每台中继上指定该文件：`{key_place:=/etc/tailhub/mesh.key}`",
    ),
    "TH542": (
        "{place}：`{first}` 和 `{second}` 指向同一处。",
        "请去掉其中一个：每台其他中继只保持一条链路。",
    ),
    "TH543": (
        "{place}：最多 {most} 台中继，实际是 {count} 台。",
        "请减少数量。这样大的区域最好分成几个。",
    ),
    "TH544": (
        "位于 {address}、密钥为 {key} 的中继[[has_key?出示的 mesh 密钥不是本中继的"
        "||出示了 mesh 密钥，而本中继没有 mesh 密钥]]：它被当作客户端。",
        "如果它属于本区域，两者须用同一个密钥：把 `mesh_key_file` 的文件从一台复制到另一台，然后运行 "
        "`tailhub reload`。否则请把本中继从对方的 `mesh_with` 中去掉。",
        "区域的密钥只在一台中继上换过，或是另一区域的中继在连接本中继。",
        "发给本中继客户端的数据包不会从那里过来。连接在本区域不同中继上的客户端之间，无法经中继连通。",
    ),
    "TH545": (
        "mesh_with 中的 `{text}` 无法解析：{reason}。",
        "[[known?与之前在那里找到的 {known} 台中继的链路保持不变；]]每分钟重试一次。如果一直如此，请检查该名称："
        "`getent ahosts NAME`，srv 则用 `dig +short srv NAME`。",
        "名称写错或已不存在，或者本机的 DNS 没有应答。",
        "[[known?目前没有影响；但这个名称下新增的中继不会被发现||本中继与该名称所指的中继之间没有链路，"
        "这里的数据包到不了它们的客户端]]。",
    ),
    "TH546": (
        "mesh_with 中的名称指向 {count} 台中继；只与其中 {most} 台保持链路。",
        "请减少这些名称的地址。这样大的区域最好分成几个。",
    ),
    "TH547": (
        "{path}：应为一个 mesh 密钥，或一旧一新两个，每行一个；实际是 {count} 个。",
        "文件里只留下本区域各中继正在用的密钥，以及最多一个将要取代它的密钥。",
    ),
    "TH548": (
        "{place}：与 {mesh_place} 同时使用。此中继写进 map 的区域只有它自己一个节点，会把其他中继的节点从 map 中去掉。",
        "请去掉 {place}，改用写有全部节点的 map：由 `tailhub region plan` 生成。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "mesh-peer-empty": ("there is no host", "没有主机"),
    "mesh-peer-host": (
        "expected a DNS name or an IP address, found `{found}`",
        "应为 DNS 名称或 IP 地址，实际是 `{found}`",
    ),
    "mesh-peer-bare-ipv6": (
        "an IPv6 address stands in brackets, `[{found}]`",
        "IPv6 地址要写在方括号里：`[{found}]`",
    ),
    "mesh-peer-port": (
        "expected a port from 1 to 65535, found `{found}`",
        "应为 1 到 65535 的端口，实际是 `{found}`",
    ),
    "mesh-peer-parts": (
        "expected one / at the most, before the host to dial, found `{found}`",
        "最多只能有一个 /，写在要拨的主机之前，实际是 `{found}`",
    ),
    "mesh-peer-instead": ("`{found}` is written `{instead}` here", "`{found}` 在这里写成 `{instead}`"),
    "mesh-peer-path": (
        "in `{found}` the path looks like a host to dial; write `{instead}`, or a port behind a host that is called so",
        "`{found}` 中的路径会被当作要拨的主机；请写成 `{instead}`，如果真有这样的主机名，请在其后写上端口",
    ),
    "mesh-peer-several": (
        "one relay is named at a time; between two there is a comma, or they are two texts of a list: `{found}`",
        "一项只指定一台中继；两项之间用逗号，或写成列表中的两个文本：`{found}`",
    ),
    "mesh-peer-key": (
        "a relay is named by its host, not by its key: it says itself which one it has",
        "中继用主机指定，而不是密钥：它自己会说明密钥",
    ),
    "mesh-peer-nowhere": ("no relay can be dialled at `{found}`", "`{found}` 不是能连接到中继的地址"),
    "mesh-peer-option": (
        "expected cert= or tls= behind the question mark, found `{found}`",
        "问号之后应为 cert= 或 tls=，实际是 `{found}`",
    ),
    "mesh-peer-option-twice": ("{found}= stands there twice", "{found}= 出现了两次"),
    "mesh-peer-tls": ("expected tls=on or tls=off, found `{found}`", "应为 tls=on 或 tls=off，实际是 `{found}`"),
    "mesh-peer-cert": (
        "expected a pin behind cert=, sha256-raw: and 64 lower-case hexadecimal digits, or a DNS name, found `{found}`",
        "cert= 之后应为 指纹（sha256-raw: 和 64 位小写十六进制数）或 DNS 名称，实际是 `{found}`",
    ),
    "mesh-peer-cert-without-tls": ("with tls=off there is no certificate", "tls=off 时没有证书"),
    "mesh-peer-address-as-name": ("expected a name to look up, found `{found}`", "应为要解析的名称，实际是 `{found}`"),
    "mesh-peer-dial-host-of-name": (
        "what a name leads to is dialled there, so `/{found}` says nothing",
        "名称解析到哪里就拨哪里，`/{found}` 没有意义",
    ),
    "mesh-peer-port-of-srv": (
        "the port stands in the SRV record, not `{found}`",
        "端口以 SRV 记录为准，而不是 `{found}`",
    ),
}
