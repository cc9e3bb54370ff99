"""What the findings of `tailhub.findings.mesh_links` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH531": (
        "{peer} does not take this relay for a mesh peer[[says?; it says: {says}||: it ended the connection when asked "
        "who is there]].",
        "Its mesh key is another one, or it has none: give all relays of the region the same file as `mesh_key_file` "
        "(derper: `-mesh-psk-file`).",
    ),
    "TH532": (
        "Nothing listens at {address}, where `mesh_with` has {peer}.",
        "Start the relay there, or correct the host or port in `mesh_with`.",
    ),
    "TH533": (
        "The name {host}, which `mesh_with` has for {peer}, cannot be looked up: {detail}.",
        "Correct the name, or write an address to dial behind it in `mesh_with`: `<host>/<address>`.",
    ),
    "TH534": (
        "{peer} does not answer: expected {expected} within {seconds} s, and nothing came.",
        "See whether the relay runs and whether a firewall between the two drops connections to its port; a private "
        "address to dial can stand behind its name in `mesh_with`: `<host>/<address>`.",
    ),
    "TH535": (
        "The certificate of {peer} is not the right one: {detail}.",
        "Compare it on that relay (`tailhub cert show`); a self-signed one needs its pin in `mesh_with`, "
        "`<host>?cert=<pin>`, and one for another name that name.",
    ),
    "TH536": (
        "What answers at {peer} is no relay: {detail}.",
        "Correct the host or port in `mesh_with` (a listener without TLS: `?tls=off`); a web server in front must pass "
        "upgrades of `/derp` on.",
    ),
    "TH537": (
        "The link to {peer} is down: {reason}[[says?; it had said: {says}]].",
        "It is tried again all the time; if it stays down, see the log of that relay.",
    ),
    "TH538": (
        "{peer} breaks the protocol, so the link to it was closed: {detail}.",
        "Bring both relays to their latest version; if it goes on, report it with this line.",
    ),
    "TH539": (
        "{peer} cannot be reached: {detail}.",
        "See whether that relay runs and what its log says, and whether the network between the two is up.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH531": (
        "{peer} 不把本中继当作 mesh 对端[[says?；它说：{says}||：询问它有哪些客户端时，它断开了连接]]。",
        "它的 mesh 密钥与这里不同，或者没有：请让该区域的所有中继用同一个文件作为 `mesh_key_file`"
        "（derper：`-mesh-psk-file`）。",
    ),
    "TH532": (
        "`mesh_with` 中 {peer} 所在的 {address} 没有程序在监听。",
        "请启动那里的中继，或在 `mesh_with` 中改正主机或端口。",
    ),
    "TH533": (
        "`mesh_with` 中 {peer} 的名称 {host} 无法解析：{detail}。",
        "请改正名称，或在 `mesh_with` 中把要连接的地址写在它后面：`<主机>/<地址>`。",
    ),
    "TH534": (
        "{peer} 没有应答：应在 {seconds} 秒内收到 {expected}，但什么也没有收到。",
        "请查看那台中继是否在运行、两者之间是否有防火墙丢弃发往其端口的连接；在 `mesh_with` 中名称后面可以写一个"
        "要连接的内网地址：`<主机>/<地址>`。",
    ),
    "TH535": (
        "{peer} 的证书不对：{detail}。",
        "请在那台中继上核对（`tailhub cert show`）；自签名证书要在 `mesh_with` 中写上它的指纹 "
        "`<主机>?cert=<指纹>`，证书属于别的名称时写那个名称。",
    ),
    "TH536": (
        "在 {peer} 应答的不是中继：{detail}。",
        "请在 `mesh_with` 中改正主机或端口（没有 TLS 的监听口：`?tls=off`）；前面的 Web 服务器必须放行 "
        "`/derp` 的升级请求。",
    ),
    "TH537": (
        "到 {peer} 的链路断开了：{reason}[[says?；它此前说：{says}]]。",
        "正在不断重试；如果一直不通，请查看那台中继的日志。",
    ),
    "TH538": (
        "{peer} 违反了协议，因此关闭了到它的链路：{detail}。",
        "请把两台中继都升级到最新版本；如果仍然如此，请附上这一行报告问题。",
    ),
    "TH539": (
        "无法连接 {peer}：{detail}。",
        "请查看那台中继是否在运行、它的日志说了什么，以及两者之间的网络是否正常。",
    ),
}
