"""What the findings of `tailhub.findings.address` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH070": (
        "Nobody on the Internet can open a connection to this machine over IPv4: it is behind a NAT"
        "[[address?, its own address is {address}[[seen? and others see {seen}]]]].",
        "It works for devices on the same network. For others run it on a machine with a public address, or forward "
        "the ports on the router and name its address: `tailhub relay --address IP`.",
        "The provider or a router translates addresses and lets only answers in.",
        "Only devices of the same network reach the relay.",
    ),
    "TH071": (
        "The sources disagree about this machine's address: {answers}.",
        "[[chosen?The map has {chosen}; if that is wrong, say which one others use: `tailhub relay --address IP`."
        "||A VPN or a proxy on this machine is the usual cause. Say which one others use: `tailhub relay --address "
        "IP`.]]",
        "A VPN, a proxy or a second line to the Internet on this machine is the usual cause.",
        "Clients may have an address in their map at which nobody answers.",
    ),
    "TH072": (
        "This relay has an IPv6 address only, {address}: clients on networks without IPv6, many phones for example, "
        "cannot use it.",
        "Nothing to do if all of yours have IPv6; else name a public IPv4 address: `tailhub relay --address IP`.",
        "No IPv4 address was found on this machine or seen from outside.",
        "Clients without IPv6 cannot use the relay.",
    ),
    "TH073": (
        "This container is behind a bridge[[address? as {address}]], an address that nobody outside can use; STUN may "
        "tell clients the bridge's address instead of their own.",
        "Best: `docker run --network host …`. Else publish TCP {port}[[stun_port? and UDP {stun_port}]] and say what "
        "others use: `tailhub relay --address IP --public-port PORT[[stun_port? --stun-public-port PORT]]`.",
        "A container behind a bridge sees neither the machine's addresses nor, often, the senders'.",
        "Clients reach it only by published ports that the map names, and may find no direct paths to each other.",
    ),
    "TH074": (
        "No name can be looked up: this machine has no working DNS.",
        "The relay runs without it; finding the address by STUN and `--bootstrap-dns-names` stay off. Check "
        "/etc/resolv.conf.",
        "No name server answers, or /etc/resolv.conf names none that can be reached.",
        "The relay works for those who have its address. What asks others by name does not: ACME, verify "
        "URLs, lists of devices.",
    ),
    "TH075": (
        "STUN requests come from {source}, an address of this machine's own container network: clients are told it "
        "instead of their own and cannot connect directly.",
        'Run the container with `--network host`, or set `"userland-proxy": false` in /etc/docker/daemon.json and '
        "restart Docker.",
        "The container engine hands packets on by a program of its own (a user-land proxy), as if they came "
        "from itself.",
        "Devices relay everything and never connect directly.",
    ),
    "TH076": (
        "No address was found that others could use.",
        "Name it: `tailhub relay --address IP`, or `tailhub relay --hostname NAME`.",
        "The machine has no public address, and nobody who would know was asked or answered.",
        "There is no map for clients elsewhere yet.",
    ),
    "TH077": (
        "[[resolved?{host} leads to {resolved}||{host} leads to no address]], and this machine has {address}.",
        "[[resolved?Correct the name's A and AAAA records, or wait until DNS has caught up||Make A or AAAA records for "
        "it]]; clients go by the name.",
        "The record is of another machine, or DNS has not caught up with a change.",
        "Clients that go by the name reach another machine, or none.",
    ),
    "TH078": (
        "This machine has further addresses that others might use: {others}.",
        "To put one of them into the map: `tailhub relay --address IP`.",
        "Several interfaces have public addresses.",
        "Nothing.",
    ),
    "TH079": (
        "The address that others use has changed from {before} to {now}: the map that clients have still names the old "
        "one.",
        "Give them the new map, `tailhub derpmap`; for an address that changes often use a name with dynamic DNS, "
        "`tailhub relay --hostname NAME`.",
        "The provider gave this machine another address.",
        "Clients whose map has the old address cannot reach the relay.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH070": (
        "互联网上没有人能通过 IPv4 连到本机：本机在 NAT 后面[[address?，自身地址是 {address}[[seen?，外部看到的是 "
        "{seen}]]]]。",
        "同一网络内的设备可以使用。要给外部使用，请在有公网地址的机器上运行，或在路由器上转发端口并指定其地址："
        "`tailhub relay --address IP`。",
        "运营商或路由器转换地址，只让应答进来。",
        "只有同一网络的设备能连到中继。",
    ),
    "TH071": (
        "各个来源给出的本机地址不一致：{answers}。",
        "[[chosen?map 里用的是 {chosen}；如果不对，请指定外部使用的地址：`tailhub relay --address IP`。"
        "||通常是因为本机上有 VPN 或代理。请指定外部使用的地址：`tailhub relay --address IP`。]]",
        "通常是因为本机有 VPN、代理或第二条上网线路。",
        "客户端的 map 里可能是一个无人应答的地址。",
    ),
    "TH072": (
        "本中继只有 IPv6 地址 {address}：没有 IPv6 的网络（例如许多手机网络）里的客户端不能使用它。",
        "如果你的设备都有 IPv6，不必处理；否则请指定公网 IPv4 地址：`tailhub relay --address IP`。",
        "在本机和从外部都没有发现 IPv4 地址。",
        "没有 IPv6 的客户端不能使用中继。",
    ),
    "TH073": (
        "本容器在网桥后面[[address?，地址 {address}]]，外部无法使用这个地址；STUN "
        "还可能把网桥的地址当作客户端的地址告诉客户端。",
        "最好用 `docker run --network host …`。否则请发布 TCP {port}[[stun_port? 和 UDP {stun_port}]]，"
        "并说明外部使用的地址：`tailhub relay --address IP --public-port PORT[[stun_port? --stun-public-port PORT]]`。",
        "网桥后面的容器看不到主机的地址，往往也看不到发送者的地址。",
        "客户端只能通过 map 里写明的已发布端口连接，相互之间可能无法直连。",
    ),
    "TH074": (
        "无法解析任何域名：本机没有可用的 DNS。",
        "中继照常运行；通过 STUN 查找地址和 `--bootstrap-dns-names` 暂时停用。请检查 /etc/resolv.conf。",
        "没有域名服务器应答，或 /etc/resolv.conf 里写的都无法访问。",
        "知道地址的客户端可以使用。按域名访问别处的功能不能工作：ACME、验证 URL、设备列表。",
    ),
    "TH075": (
        "STUN 请求来自 {source}，这是本机容器网络的地址：客户端会得到它而不是自己的地址，因此无法直连。",
        '请用 `--network host` 运行容器，或在 /etc/docker/daemon.json 中设置 `"userland-proxy": false` 并重启 Docker。',
        "容器引擎用自己的程序（用户态代理）转交数据包，看起来都来自它自己。",
        "设备之间全部经过中继，永远无法直连。",
    ),
    "TH076": (
        "没有找到外部可以使用的地址。",
        "请指定：`tailhub relay --address IP` 或 `tailhub relay --hostname NAME`。",
        "本机没有公网地址，能知道地址的来源都没有问到或没有回答。",
        "还没有可供外部客户端使用的 map。",
    ),
    "TH077": (
        "[[resolved?{host} 解析到 {resolved}||{host} 没有解析到任何地址]]，而本机的地址是 {address}。",
        "[[resolved?请更正该域名的 A 和 AAAA 记录，或等 DNS 更新||请为它添加 A 或 AAAA 记录]]；客户端按域名连接。",
        "记录指向另一台机器，或 DNS 还没有更新。",
        "按域名连接的客户端会连到另一台机器，或连不上。",
    ),
    "TH078": (
        "本机还有其他外部可能使用的地址：{others}。",
        "要把其中一个写进 map：`tailhub relay --address IP`。",
        "多个网卡有公网地址。",
        "没有影响。",
    ),
    "TH079": (
        "外部使用的地址已从 {before} 变为 {now}：客户端手里的 map 仍是旧地址。",
        "把新的 map 交给它们：`tailhub derpmap`；地址常变时请用动态 DNS 域名：`tailhub relay --hostname NAME`。",
        "运营商给本机换了地址。",
        "map 里是旧地址的客户端连不上中继。",
    ),
}
