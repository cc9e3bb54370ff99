"""What the findings of `tailhub.findings.address` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH070": (
        "Nobody on the Internet can open a connection to this machine over IPv4: it is behind a NAT"
        "[[address?, its own address is {address}[[seen? and others see {seen}]]]].",
        "It works for devices on the same network. For others run it on a machine with a public address, or forward "
        "the ports on the router and name its address: `tailhub relay --address IP`.",
    ),
    "TH071": (
        "The sources disagree about this machine's address: {answers}.",
        "[[chosen?The map has {chosen}; if that is wrong, say which one others use: `tailhub relay --address IP`."
        "||A VPN or a proxy on this machine is the usual cause. Say which one others use: `tailhub relay --address "
        "IP`.]]",
    ),
    "TH072": (
        "This relay has an IPv6 address only, {address}: clients on networks without IPv6, many phones for example, "
        "cannot use it.",
        "Nothing to do if all of yours have IPv6; else name a public IPv4 address: `tailhub relay --address IP`.",
    ),
    "TH073": (
        "This container is behind a bridge[[address? as {address}]], an address that nobody outside can use; STUN may "
        "tell clients the bridge's address instead of their own.",
        "Best: `docker run --network host …`. Else publish TCP {port}[[stun_port? and UDP {stun_port}]] and say what "
        "others use: `tailhub relay --address IP --public-port PORT[[stun_port? --stun-public-port PORT]]`.",
    ),
    "TH074": (
        "No name can be looked up: this machine has no working DNS.",
        "The relay runs without it; finding the address by STUN and `--bootstrap-dns-names` stay off. Check "
        "/etc/resolv.conf.",
    ),
    "TH075": (
        "STUN requests come from {source}, an address of this machine's own container network: clients are told it "
        "instead of their own and cannot connect directly.",
        'Run the container with `--network host`, or set `"userland-proxy": false` in /etc/docker/daemon.json and '
        "restart Docker.",
    ),
    "TH076": (
        "No address was found that others could use.",
        "Name it: `tailhub relay --address IP`, or `tailhub relay --hostname NAME`.",
    ),
    "TH077": (
        "[[resolved?{host} leads to {resolved}||{host} leads to no address]], and this machine has {address}.",
        "[[resolved?Correct the name's A and AAAA records, or wait until DNS has caught up||Make A or AAAA records for "
        "it]]; clients go by the name.",
    ),
    "TH078": (
        "This machine has further addresses that others might use: {others}.",
        "To put one of them into the map: `tailhub relay --address IP`.",
    ),
    "TH079": (
        "The address that others use has changed from {before} to {now}: the map that clients have still names the old "
        "one.",
        "Give them the new map, `tailhub derpmap`; for an address that changes often use a name with dynamic DNS, "
        "`tailhub relay --hostname NAME`.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH070": (
        "互联网上没有人能通过 IPv4 连到本机：本机在 NAT 后面[[address?，自身地址是 {address}[[seen?，外部看到的是 "
        "{seen}]]]]。",
        "同一网络内的设备可以使用。要给外部使用，请在有公网地址的机器上运行，或在路由器上转发端口并指定其地址："
        "`tailhub relay --address IP`。",
    ),
    "TH071": (
        "各个来源给出的本机地址不一致：{answers}。",
        "[[chosen?map 里用的是 {chosen}；如果不对，请指定外部使用的地址：`tailhub relay --address IP`。"
        "||通常是因为本机上有 VPN 或代理。请指定外部使用的地址：`tailhub relay --address IP`。]]",
    ),
    "TH072": (
        "本中继只有 IPv6 地址 {address}：没有 IPv6 的网络（例如许多手机网络）里的客户端不能使用它。",
        "如果你的设备都有 IPv6，不必处理；否则请指定公网 IPv4 地址：`tailhub relay --address IP`。",
    ),
    "TH073": (
        "本容器在网桥后面[[address?，地址 {address}]]，外部无法使用这个地址；STUN "
        "还可能把网桥的地址当作客户端的地址告诉客户端。",
        "最好用 `docker run --network host …`。否则请发布 TCP {port}[[stun_port? 和 UDP {stun_port}]]，"
        "并说明外部使用的地址：`tailhub relay --address IP --public-port PORT[[stun_port? --stun-public-port PORT]]`。",
    ),
    "TH074": (
        "无法解析任何域名：本机没有可用的 DNS。",
        "中继照常运行；通过 STUN 查找地址和 `--bootstrap-dns-names` 暂时停用。请检查 /etc/resolv.conf。",
    ),
    "TH075": (
        "STUN 请求来自 {source}，这是本机容器网络的地址：客户端会得到它而不是自己的地址，因此无法直连。",
        '请用 `--network host` 运行容器，或在 /etc/docker/daemon.json 中设置 `"userland-proxy": false` 并重启 Docker。',
    ),
    "TH076": (
        "没有找到外部可以使用的地址。",
        "请指定：`tailhub relay --address IP` 或 `tailhub relay --hostname NAME`。",
    ),
    "TH077": (
        "[[resolved?{host} 解析到 {resolved}||{host} 没有解析到任何地址]]，而本机的地址是 {address}。",
        "[[resolved?请更正该域名的 A 和 AAAA 记录，或等 DNS 更新||请为它添加 A 或 AAAA 记录]]；客户端按域名连接。",
    ),
    "TH078": (
        "本机还有其他外部可能使用的地址：{others}。",
        "要把其中一个写进 map：`tailhub relay --address IP`。",
    ),
    "TH079": (
        "外部使用的地址已从 {before} 变为 {now}：客户端手里的 map 仍是旧地址。",
        "把新的 map 交给它们：`tailhub derpmap`；地址常变时请用动态 DNS 域名：`tailhub relay --hostname NAME`。",
    ),
}
