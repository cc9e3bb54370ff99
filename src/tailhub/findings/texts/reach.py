"""What the findings of `tailhub.findings.reach` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH001": Text(
        "The relay's name leads to no address.\nDNS says that {host} has neither an A nor an AAAA record.",
        "Make an A record for {host} with the relay's address, or put the address into the map as IPv4.\n"
        "See what the rest of the world is told: `dig +short {host} @1.1.1.1`",
        "The name is misspelt, its record was never made or has been deleted, or the domain has expired.",
        "No client can reach the relay; their logs say “no such host”.",
    ),
    "TH002": Text(
        "The relay's name leads to other addresses than the map has.\nThe map has {in_map}.\n{host} leads to "
        "{resolved}.",
        "Find out which one is right: on the relay, `tailhub derpmap`\n"
        "Correct the other one: the DNS record, or IPv4 and IPv6 in the map.",
        "Clients go by the map's address and do not ask DNS. One of the two was changed and the other was forgotten.",
        "Clients use the map's address. What goes by the name goes elsewhere: a browser, or the renewal of a "
        "certificate.",
    ),
    "TH003": Text(
        "STUN does not answer: UDP {port} is silent.\n"
        "{tries} requests to {address} brought nothing back[[error?: {error}]]"
        "[[tcp_answers?; TCP to the same address is fine]].",
        "Allow UDP {port} in the security group of the relay's cloud.\n"
        "Open it on the relay: `sudo ufw allow {port}/udp`\n"
        "See there whether anything listens on it: `sudo ss -lunp`\n"
        "If STUN has another port there, put it into the map as STUNPort.",
        "A firewall on the way drops UDP, or the relay's STUN has another port than the map. Some networks let no UDP "
        "out at all: try from another one too.",
        "Clients cannot measure the relay, so they rarely choose it as their home, and they learn no address of their "
        "own from it for direct connections.",
    ),
    "TH004": Text(
        "The relay is dead over IPv6, and fine over IPv4.\n"
        "TCP {port} of {addresses} [[refused?refuses connections||does not answer]].",
        "If it is to have IPv6, allow TCP {port} for IPv6 too: many security groups have rules for IPv4 only.\n"
        "See on the relay whether it has that address: `ip -6 address show scope global`\n"
        "Else delete the AAAA record, or say in the map that IPv6 is “none”.",
        "The map or an AAAA record promises an IPv6 address that the relay no longer has or that a firewall closes. It "
        "may also be the IPv6 of this network that leads nowhere.",
        "Clients with both take IPv4; those that have IPv6 only cannot use the relay.",
    ),
    "TH005": Text(
        "TCP {port} of the relay cannot be reached.\n{addresses} gave no answer[[error?: {error}|| within {limit} s]]"
        "[[stun_answers?, while STUN answers: the machine is there]].",
        "Allow TCP {port} in the security group of the relay's cloud.\n"
        "Open it on the relay: `sudo ufw allow {port}/tcp`\n"
        "See on the relay what its own firewall does, and whether it runs: `tailhub doctor --local`\n"
        "If another network gets through, this one blocks the port: 443 is the one that most networks let pass.",
        "[[private?That address is a private one: it leads to the relay inside the relay's own network only||A "
        "firewall "
        "on the way drops the port, the machine is off, or the address is somebody else's by now]].",
        "Nobody whom that stops can use the relay. `tailscale netcheck` may go on naming it as the nearest, for it "
        "tests UDP and pings only.",
    ),
    "TH006": Text(
        "Nothing listens on TCP {port}.\n"
        "{addresses} refused the connection[[stun_answers?, while STUN answers: the relay seems to have another "
        "port]].",
        "See on the relay whether it runs, and what keeps it from it: `tailhub doctor --local`\n"
        "See there which ports are listened on: `sudo ss -ltnp`\n"
        "If the relay has another port, put that into the map as DERPPort.",
        "The machine is there and answers that the port is closed: the relay does not run, listens on another port or "
        "on another address, or a container's port is not published.",
        "No client can use the relay. `tailscale netcheck` may go on naming it as the nearest, for it tests UDP and "
        "pings only.",
    ),
    "TH007": Text(
        "Nothing listens on UDP {port}.\n{address} answers requests for STUN with “port unreachable” (ICMP).",
        "See on the relay whether STUN is on and which port it has: `sudo ss -lunp`\n"
        "If it has another one, put that into the map as STUNPort; if it is off on purpose, put -1 there.",
        "The machine is there, and no program has the port: STUN is off, has another port, or a container's UDP port "
        "is "
        "not published, which is forgotten easily.",
        "Clients cannot measure the relay, so they rarely choose it as their home, and they learn no address of their "
        "own from it for direct connections.",
    ),
    "TH008": Text(
        "Something answers on UDP {port} that is not STUN.\n{address} answered: {answer}.",
        "See on the relay which program has the port: `sudo ss -lunp`\n"
        "Give the relay's STUN a port of its own, and put that into the map as STUNPort.",
        "Another program has the port: a VPN, a game server, another protocol's server.",
        "Clients take no notice of such answers: for them the relay has no STUN. They rarely choose it as their home.",
    ),
    "TH009": Text(
        "STUN answers from another address than was asked.\nAsked was {asked}, and the answer came from {answered}.",
        "Let the relay listen on that address by name, one for each address of the machine: "
        "`tailhub relay --stun-listen ADDRESS:PORT`\n"
        "If something forwards the port, let it translate the answers back.",
        "The machine has several addresses, and the server answers from the one that the routing prefers. `tailhub` "
        "itself answers from where it was asked; the original derper and many forwarding rules do not.",
        "Firewalls and NATs drop such answers, so most clients get none: for them the relay has no STUN.",
    ),
    "TH010": Text(
        "STUN tells clients somebody else's address.\n"
        "The relay at {address} sees this machine as {mapped}, a private address.",
        "A container: run it with `--network host`, or have the engine pass on addresses.\n"
        "A proxy or a forwarding rule for UDP: keep the sender's address; see what rewrites it: `sudo nft list "
        "ruleset`",
        "Something between clients and the relay puts its own address in the place of theirs: a container's bridge, "
        "masquerading, a load balancer.",
        "Clients tell each other that address as their own, so direct connections fail and everything stays on the "
        "relay, which is slower.",
    ),
    "TH011": Text(
        "The connection is cut as soon as it names {host}.\n"
        "With another name or none {address} answers TLS; with this one [[silent?nothing comes back||it is closed at "
        "once]].",
        "Try from another network: if it works there, this one filters the name.\n"
        "Go without a name: an IP address as HostName, which clients do not send, with a pinned certificate: "
        "`tailhub relay --address IP`\n"
        "If a proxy of your own stands before the relay, tell it about the name.",
        "Somebody on the way reads the name in the TLS greeting (SNI) and cuts the connection: a network's filter, a "
        "cloud that wants domains registered first (ICP), or a proxy that has no entry for the name.",
        "No client behind that filter can connect; each tries again for ever. STUN still works, so "
        "`tailscale netcheck` says that all is well.",
    ),
    "TH012": Text(
        "TCP {port} speaks plain HTTP, where clients expect TLS.\n"
        "{address} answered without TLS[[server? and calls itself {server}]].",
        "If that is the relay, give it TLS: a relay without `--no-tls` has a certificate of its own.\n"
        "If a proxy stands before it, switch TLS on for that port there, or let the map name the port that has TLS as "
        "DERPPort.",
        "A web server has the port, or the relay runs without TLS for a proxy that is not in between here.",
        "No client can use the relay; their logs say “first record does not look like a TLS handshake”.",
    ),
    "TH013": Text(
        "TCP {port} speaks [[protocol?{protocol}||another protocol]], where clients expect TLS.\n"
        "{address} answered: {greeting}.",
        "See on the relay which program has the port: `sudo ss -ltnp`\n"
        "Put the port that the relay really has into the map as DERPPort.",
        "Another program has the port, or a forwarding rule leads to the wrong one.",
        "No client can use the relay; their logs say “first record does not look like a TLS handshake”.",
    ),
    "TH380": Text(
        "This machine's DNS makes addresses up (fake-ip): what follows says little about the relay.\n"
        "{host} leads to {addresses} here.",
        "Let the proxy program pass the relay by: add {host} to its fake-ip filter and a rule for a direct "
        "connection.\n"
        "Or switch it off for a moment and check again.",
        "A proxy program (Clash, mihomo, sing-box, Surge and others) answers every name with an address of its own and "
        "catches what goes there.",
        "A Tailscale client on this machine meets the same: its way to the relay is the proxy's, UDP is often lost, "
        "and "
        "direct connections rarely come about.",
    ),
    "TH381": Text(
        "Something accepts every connection of this machine: what follows says little about the relay.\n"
        "{address}, where nobody is, accepted a connection at once[[tunnels?; interfaces of a proxy or VPN: "
        "{tunnels}]].",
        "Let the proxy program pass the relay by: a rule for a direct connection to its address.\n"
        "Or switch it off for a moment, or take another network, and check again.",
        "A proxy program's TUN, or a transparent proxy in this network, answers in the place of everybody else and "
        "only "
        "then tries to get through.",
        "A Tailscale client on this machine meets the same: TCP seems to connect always, and where the proxy does not "
        "get through, TLS fails.",
    ),
    "TH382": Text(
        "The environment sends HTTPS through a proxy: {variables}.\n"
        "This check goes past it; a Tailscale client with the same environment would not.",
        "If clients here shall reach the relay directly, take {host} out: `export NO_PROXY={host}`\n"
        "See what a Tailscale service has: `sudo cat /etc/default/tailscaled`",
        "Tailscale asks such a proxy for port 443 of the relay, whatever port the map has"
        "[[odd_port?: this relay has {port}, which it would not get to||, and this relay has {port}]].",
        "Nothing, as long as the Tailscale client does not have these variables: a service has its own environment.",
    ),
    "TH383": Text(
        "A proxy on this machine or in its network catches connections, and reached the relay.",
        "To see the relay as others do, switch the proxy off, or check from another network.",
        "Delays, addresses and open ports are those that the proxy sees.",
        "A Tailscale client on this machine reaches the relay by the proxy too.",
    ),
    "TH384": Text(
        "This machine's DNS does not answer, so nobody here knows where {host} is.\n"
        "[[others_known?Questions about other names are answered||No name server said anything, not even about a name "
        "that cannot exist]].",
        "See which name servers this machine asks: `cat /etc/resolv.conf`\n"
        "To check the relay meanwhile, name its address in place of its name.\n"
        "A map with the relay's IPv4 spares clients the question.",
        "[[others_known?The name servers of that domain are down or refuse to answer||The name servers are down, a "
        "firewall drops what goes to them, or this machine has no network]].",
        "Clients on this machine cannot find the relay; those elsewhere may.",
    ),
    "TH385": Text(
        "The relay has moved, and the map has its old address.\n"
        "Nothing answers at {in_map}.\n"
        "{host} leads to {answers}, where TCP {port} is open.",
        "Look whether that is the relay: on it, `tailhub derpmap`\n"
        "Put the new address into the map, or leave IPv4 and IPv6 out of it, so that clients ask DNS.",
        "The machine got another address (a restart, dynamic DNS), and the DNS record has followed while the map has "
        "not.",
        "No client can reach the relay: all go by the map's address and do not ask DNS.",
    ),
    "TH386": Text(
        "This machine has no network by which it could reach the relay.\nThere is no route to {addresses}.",
        "See which networks there are: `ip route; ip -6 route`\n"
        "If the relay has IPv6 only and this network has none, check from another one.",
        "This machine is off line, or has IPv4 only while the relay has IPv6 only, or the other way round.",
        "Clients on this machine cannot use the relay; nothing is known of others.",
    ),
    "TH387": Text(
        "TCP {port} accepts connections and then says nothing.\n"
        "{address} answered neither a TLS greeting nor an HTTP request.",
        "See on the relay whether it hangs: `tailhub doctor --local`\n"
        "If a proxy or a load balancer stands before it, see whether that reaches it.",
        "The program behind the port hangs, a proxy cannot reach the relay behind it, or a firewall lets the "
        "connection "
        "pass and then drops what is said on it.",
        "No client can use the relay; each waits for its time-out and tries again.",
    ),
    "TH388": Text(
        "TCP {port} accepts connections and closes them at once.\n"
        "{address} answered neither a TLS greeting nor an HTTP request.",
        "See whether the relay runs behind what accepts: `tailhub doctor --local`\n"
        "A container: see to which port of it the published one leads: `docker port NAME`",
        "A container engine, a proxy or a load balancer accepts for a relay that does not run, or listens on another "
        "port.",
        "No client can use the relay; their logs say “EOF” or “connection reset by peer”.",
    ),
    "TH389": Text(
        "Some of the addresses that the relay's name leads to are dead.\n"
        "TCP {port} of {dead} does not answer; {alive} does.",
        "Take the dead ones out of DNS, or bring the machines behind them up.\n"
        "Each relay of several needs a node of its own in the map: one name must not lead to several machines.",
        "An old record has stayed in DNS, or one of several machines is down.",
        "Clients lose time whenever they try a dead one first.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH001": Text(
        "中继的域名没有解析到任何地址。\nDNS 说 {host} 既没有 A 记录，也没有 AAAA 记录。",
        "为 {host} 添加指向中继地址的 A 记录，或把地址作为 IPv4 写进 map。\n"
        "看看外界得到的结果：`dig +short {host} @1.1.1.1`",
        "域名拼写有误，记录从未添加或已被删除，或者域名已过期。",
        "没有客户端能连到这台中继；它们的日志里写着“no such host”。",
    ),
    "TH002": Text(
        "中继的域名解析到的地址与 map 里的不同。\nmap 里是 {in_map}。\n{host} 解析到 {resolved}。",
        "确认哪一个是对的，在中继上运行：`tailhub derpmap`\n更正另一个：DNS 记录，或 map 里的 IPv4 和 IPv6。",
        "客户端按 map 里的地址连接，不查 DNS。两者之中有一个改了，另一个忘了改。",
        "客户端使用 map 里的地址。按域名走的会去别处：例如浏览器，或证书续期。",
    ),
    "TH003": Text(
        "STUN 没有应答：UDP {port} 毫无回音。\n"
        "向 {address} 发了 {tries} 次请求，什么也没有收到[[error?：{error}]][[tcp_answers?；同一地址的 TCP 正常]]。",
        "在中继所在云的安全组里放行 UDP {port}。\n"
        "在中继上放行：`sudo ufw allow {port}/udp`\n"
        "看看那里有没有程序在监听：`sudo ss -lunp`\n"
        "如果那里的 STUN 用的是别的端口，请作为 STUNPort 写进 map。",
        "途中的防火墙丢弃了 UDP，或者中继的 STUN 端口与 map 不同。有些网络完全不让 UDP 出去：也请换一个网络试试。",
        "客户端无法测量这台中继的延迟，因此很少选它作 home，也无法从它得知自己的地址来建立直连。",
    ),
    "TH004": Text(
        "中继的 IPv6 不通，IPv4 正常。\n{addresses} 的 TCP {port} [[refused?拒绝连接||没有应答]]。",
        "如果要用 IPv6，请同样为 IPv6 放行 TCP {port}：许多安全组只有 IPv4 的规则。\n"
        "看看中继上有没有这个地址：`ip -6 address show scope global`\n"
        "否则请删除 AAAA 记录，或在 map 里把 IPv6 写成“none”。",
        "map 或 AAAA 记录给出的 IPv6 地址，中继已经没有了，或者被防火墙挡住。也可能是当前网络自己的 IPv6 不通。",
        "两种都有的客户端使用 IPv4；只有 IPv6 的客户端无法使用这台中继。",
    ),
    "TH005": Text(
        "中继的 TCP {port} 连不上。\n{addresses} 没有应答[[error?：{error}||（{limit} 秒内）]]"
        "[[stun_answers?，而 STUN 有应答：机器在]]。",
        "在中继所在云的安全组里放行 TCP {port}。\n"
        "在中继上放行：`sudo ufw allow {port}/tcp`\n"
        "在中继上看它自己的防火墙做了什么，以及中继是否在运行：`tailhub doctor --local`\n"
        "如果换一个网络能通，就是当前网络封了这个端口：大多数网络放行的是 443。",
        "[[private?这是私有地址：只有在中继自己的网络里才能到达||途中的防火墙丢弃了这个端口，或者机器关机了，"
        "或者这个地址已经属于别人]]。",
        "被挡住的人都无法使用这台中继。`tailscale netcheck` 可能仍说它最近，因为它只测 UDP 和 ping。",
    ),
    "TH006": Text(
        "TCP {port} 上没有程序在监听。\n"
        "{addresses} 拒绝了连接[[stun_answers?，而 STUN 有应答：中继用的似乎是别的端口]]。",
        "在中继上看它是否在运行，是什么挡住了它：`tailhub doctor --local`\n"
        "看看那里监听着哪些端口：`sudo ss -ltnp`\n"
        "如果中继用的是别的端口，请作为 DERPPort 写进 map。",
        "机器在，并且回答说端口是关闭的：中继没有运行，或监听在别的端口或别的地址上，或者容器的端口没有发布。",
        "没有客户端能使用这台中继。`tailscale netcheck` 可能仍说它最近，因为它只测 UDP 和 ping。",
    ),
    "TH007": Text(
        "UDP {port} 上没有程序在监听。\n{address} 用“端口不可达”（ICMP）回答 STUN 请求。",
        "在中继上看 STUN 是否开启，用的是哪个端口：`sudo ss -lunp`\n"
        "如果是别的端口，请作为 STUNPort 写进 map；如果是有意关闭的，请在那里写 -1。",
        "机器在，但没有程序占用这个端口：STUN 关闭了，或用的是别的端口，或者容器的 UDP 端口没有发布，"
        "这一点很容易忘记。",
        "客户端无法测量这台中继的延迟，因此很少选它作 home，也无法从它得知自己的地址来建立直连。",
    ),
    "TH008": Text(
        "UDP {port} 上有应答，但不是 STUN。\n{address} 的应答是：{answer}。",
        "在中继上看是哪个程序占用了这个端口：`sudo ss -lunp`\n给中继的 STUN 一个自己的端口，并作为 STUNPort 写进 map。",
        "别的程序占用了这个端口：VPN、游戏服务器，或其他协议的服务器。",
        "客户端不理会这样的应答：对它们来说这台中继没有 STUN。它们很少选它作 home。",
    ),
    "TH009": Text(
        "STUN 的应答来自另一个地址，不是被问的那个。\n问的是 {asked}，应答来自 {answered}。",
        "让中继明确监听那个地址，机器的每个地址各一项：`tailhub relay --stun-listen ADDRESS:PORT`\n"
        "如果有转发规则，让它把应答也转换回来。",
        "机器有多个地址，服务器用了路由偏好的那个来应答。`tailhub` 自己总是从被问的地址应答；"
        "原版 derper 和许多转发规则则不是。",
        "防火墙和 NAT 会丢弃这样的应答，所以大多数客户端什么也收不到：对它们来说这台中继没有 STUN。",
    ),
    "TH010": Text(
        "STUN 把别人的地址告诉了客户端。\n位于 {address} 的中继看到的本机地址是 {mapped}，这是私有地址。",
        "容器：请用 `--network host` 运行，或让容器引擎保留源地址。\n"
        "UDP 的代理或转发规则：请保留发送者的地址；看看是什么改写了它：`sudo nft list ruleset`",
        "客户端和中继之间有东西把客户端的地址换成了自己的：容器的网桥、地址伪装（masquerade），或负载均衡。",
        "客户端会把这个地址当作自己的告诉对方，于是直连失败，一切都留在中继上，速度较慢。",
    ),
    "TH011": Text(
        "连接一提到 {host} 就被切断。\n"
        "用别的名字或不带名字时，{address} 有 TLS 应答；带这个名字时[[silent?没有任何回音||立刻被关闭]]。",
        "换一个网络试试：如果能通，就是当前网络在过滤这个名字。\n"
        "不用域名：用 IP 地址作 HostName（客户端不会发送它），证书用 pin 固定：`tailhub relay --address IP`\n"
        "如果中继前面是你自己的代理，请在代理里加上这个名字。",
        "途中有人读取 TLS 握手里的名字（SNI）并切断连接：网络的过滤、要求域名先备案（ICP）的云，"
        "或没有配置这个名字的代理。",
        "被过滤的客户端都连不上，并且会一直重试。STUN 仍然正常，所以 `tailscale netcheck` 说一切都好。",
    ),
    "TH012": Text(
        "TCP {port} 上是明文 HTTP，而客户端要的是 TLS。\n{address} 的应答没有 TLS[[server?，它自称 {server}]]。",
        "如果那就是中继，请给它 TLS：不带 `--no-tls` 的中继有自己的证书。\n"
        "如果前面有代理，请在代理上为这个端口打开 TLS，或在 map 里把有 TLS 的端口写成 DERPPort。",
        "这个端口被网页服务器占用，或者中继没有 TLS、本应由代理提供，而这里并没有经过代理。",
        "没有客户端能使用这台中继；它们的日志里写着“first record does not look like a TLS handshake”。",
    ),
    "TH013": Text(
        "TCP {port} 上是[[protocol? {protocol}||别的协议]]，而客户端要的是 TLS。\n{address} 的应答是：{greeting}。",
        "在中继上看是哪个程序占用了这个端口：`sudo ss -ltnp`\n把中继真正使用的端口作为 DERPPort 写进 map。",
        "别的程序占用了这个端口，或者转发规则指向了错误的地方。",
        "没有客户端能使用这台中继；它们的日志里写着“first record does not look like a TLS handshake”。",
    ),
    "TH380": Text(
        "本机的 DNS 给出的是虚构的地址（fake-ip）：下面的结果说明不了中继的情况。\n{host} 在这里解析到 {addresses}。",
        "让代理程序绕过中继：把 {host} 加入它的 fake-ip 过滤名单，并加一条直连规则。\n或者暂时关闭它，再检查一次。",
        "代理程序（Clash、mihomo、sing-box、Surge 等）用自己的地址回答所有域名，再截获发往那里的连接。",
        "本机上的 Tailscale 客户端也一样：它经代理到达中继，UDP 常常丢失，很难建立直连。",
    ),
    "TH381": Text(
        "有东西接受了本机的所有连接：下面的结果说明不了中继的情况。\n"
        "{address} 那里没有任何机器，却立刻接受了连接[[tunnels?；代理或 VPN 的网卡：{tunnels}]]。",
        "让代理程序绕过中继：为中继的地址加一条直连规则。\n或者暂时关闭它，或换一个网络，再检查一次。",
        "代理程序的 TUN，或当前网络里的透明代理，先替所有人应答，然后才尝试连到对方。",
        "本机上的 Tailscale 客户端也一样：TCP 总是看似能连上，而代理连不通时 TLS 就会失败。",
    ),
    "TH382": Text(
        "环境变量让 HTTPS 经过代理：{variables}。\n本检查不经过它；带有相同环境变量的 Tailscale 客户端则会经过。",
        "如果这里的客户端要直连中继，请排除 {host}：`export NO_PROXY={host}`\n"
        "看看 Tailscale 服务的设置：`sudo cat /etc/default/tailscaled`",
        "不管 map 里是什么端口，Tailscale 都只让这样的代理去连中继的 443 端口"
        "[[odd_port?：这台中继用的是 {port}，因此到不了||，而这台中继用的是 {port}]]。",
        "只要 Tailscale 客户端没有这些变量，就没有影响：系统服务有自己的环境变量。",
    ),
    "TH383": Text(
        "本机或当前网络里的代理截获了连接，并且连到了中继。",
        "要像别人那样看中继，请关闭代理，或换一个网络检查。",
        "延迟、地址和开放的端口都是代理所看到的。",
        "本机上的 Tailscale 客户端也经代理到达中继。",
    ),
    "TH384": Text(
        "本机的 DNS 没有应答，因此这里没人知道 {host} 在哪里。\n"
        "[[others_known?其他名字的查询有应答||没有任何域名服务器应答，连不可能存在的名字也没有回答]]。",
        "看看本机问的是哪些域名服务器：`cat /etc/resolv.conf`\n"
        "要先检查中继，请用它的地址代替域名。\n"
        "map 里写上中继的 IPv4，客户端就不必查询。",
        "[[others_known?该域名自己的域名服务器停了或拒绝回答||域名服务器停了，或防火墙丢弃了查询，或者本机没有网络]]。",
        "本机上的客户端找不到中继；别处的也许可以。",
    ),
    "TH385": Text(
        "中继搬了家，而 map 里还是旧地址。\n{in_map} 没有应答。\n{host} 解析到 {answers}，那里的 TCP {port} 是开放的。",
        "确认那是不是中继，在它上面运行：`tailhub derpmap`\n"
        "把新地址写进 map，或在 map 里不写 IPv4 和 IPv6，让客户端查 DNS。",
        "机器换了地址（重启、动态 DNS），DNS 记录跟上了，而 map 没有。",
        "没有客户端能到达中继：它们都按 map 里的地址连接，不查 DNS。",
    ),
    "TH386": Text(
        "本机没有能到达中继的网络。\n没有通往 {addresses} 的路由。",
        "看看有哪些网络：`ip route; ip -6 route`\n如果中继只有 IPv6 而当前网络没有，请换一个网络检查。",
        "本机不在线，或者本机只有 IPv4 而中继只有 IPv6，或者相反。",
        "本机上的客户端无法使用这台中继；其他的情况未知。",
    ),
    "TH387": Text(
        "TCP {port} 接受连接，然后一言不发。\n{address} 既不回答 TLS 握手，也不回答 HTTP 请求。",
        "在中继上看它是否卡住：`tailhub doctor --local`\n如果前面有代理或负载均衡，看看它能否连到中继。",
        "端口后面的程序卡住了，或代理连不到后面的中继，或防火墙放行了连接却丢弃之后的内容。",
        "没有客户端能使用这台中继；每个都等到超时再重试。",
    ),
    "TH388": Text(
        "TCP {port} 接受连接后立刻关闭。\n{address} 既不回答 TLS 握手，也不回答 HTTP 请求。",
        "看看接受连接的东西后面，中继是否在运行：`tailhub doctor --local`\n"
        "容器：看看发布的端口通往容器的哪个端口：`docker port NAME`",
        "容器引擎、代理或负载均衡在替一个没有运行、或监听在别的端口上的中继接受连接。",
        "没有客户端能使用这台中继；它们的日志里写着“EOF”或“connection reset by peer”。",
    ),
    "TH389": Text(
        "中继的域名解析到的地址里，有一些不通。\n{dead} 的 TCP {port} 没有应答；{alive} 有。",
        "从 DNS 里去掉不通的地址，或让它们后面的机器恢复运行。\n"
        "多台中继各需要 map 里自己的一个节点：一个域名不能指向多台机器。",
        "DNS 里留着旧记录，或者多台机器里有一台停了。",
        "客户端先试到不通的地址时，会浪费时间。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "here-clear": ("no proxy in the way", "没有代理挡在中间"),
    "here-accepts": ("every connection is accepted, wherever it goes", "不管连到哪里，连接都被接受"),
    "here-fake-ip": ("DNS gives made-up addresses", "DNS 给出虚构的地址"),
    "here-fake-ip-unused": (
        "DNS gives made-up addresses, but clients take the map's",
        "DNS 给出虚构的地址，但客户端使用 map 里的地址",
    ),
    "here-proxy-lets-through": ("seen through a proxy", "是经代理看到的"),
    "here-proxy-variable": ("{variables} is set, which this check goes past", "设置了 {variables}，本检查不经过它"),
    "name-is-address": ("{host} is an address, nothing to look up", "{host} 是地址，不必解析"),
    "name-leads-to": ("{host} is {addresses}", "{host} 是 {addresses}"),
    "name-as-in-map": ("{host} is {addresses}, as in the map", "{host} 是 {addresses}，与 map 一致"),
    "name-not-needed": (
        "clients take {addresses} from the map, {host} need not lead anywhere",
        "客户端使用 map 里的 {addresses}，{host} 不必能解析",
    ),
    "name-made-up": ("{host} is {addresses} here, a made-up address", "{host} 在这里是 {addresses}，是虚构的地址"),
    "ipv4-off": ("switched off in the map", "在 map 里关闭了"),
    "ipv6-off": ("switched off in the map", "在 map 里关闭了"),
    "no-ipv4-address": ("the relay has no IPv4 address", "中继没有 IPv4 地址"),
    "no-ipv6-address": ("the relay has no IPv6 address", "中继没有 IPv6 地址"),
    "no-ipv4-here": ("this machine has no IPv4", "本机没有 IPv4"),
    "no-ipv6-here": ("this machine has no IPv6", "本机没有 IPv6"),
    "stun-only": ("this node does STUN only", "这个节点只提供 STUN"),
    "tcp-open": ("{port} open, {ms} ms", "{port} 开放，{ms} 毫秒"),
    "tcp-refused": ("{port} refused", "{port} 被拒绝"),
    "tcp-no-answer": ("{port} does not answer", "{port} 没有应答"),
    "speaks-tls": ("it speaks TLS", "说的是 TLS"),
    "speaks-no-tls": ("{address} speaks no TLS", "{address} 说的不是 TLS"),
    "stun-off": ("off in the map", "在 map 里关闭了"),
    "stun-answers": (
        "sees {mapped}, {got} of {sent} answered, {ms} ms",
        "看到 {mapped}，{sent} 次中 {got} 次有应答，{ms} 毫秒",
    ),
    "stun-answers-some": (
        "sees {mapped}, only {got} of {sent} answered, {ms} ms",
        "看到 {mapped}，{sent} 次中只有 {got} 次有应答，{ms} 毫秒",
    ),
    "stun-no-answer": ("no answer in {sent} tries", "{sent} 次都没有应答"),
    "port80-answers": ("answers captive portal checks", "会应答强制门户检测"),
    "port80-other": (
        "[[status?answers {status}||does not answer]]; only captive portal checks ask it",
        "[[status?应答 {status}||没有应答]]；只有强制门户检测会用到它",
    ),
}

STEPS: dict[str, tuple[str, str]] = {
    "here": ("here", "本机"),
    "name": ("name", "域名"),
    "tcp4": ("tcp v4", "TCP v4"),
    "tcp6": ("tcp v6", "TCP v6"),
    "speaks": ("speaks", "协议"),
    "port80": ("port 80", "端口 80"),
    "stun4": ("stun v4", "STUN v4"),
    "stun6": ("stun v6", "STUN v6"),
}
