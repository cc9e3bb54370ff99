"""What the findings of `tailhub.findings.relaying` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH400": Text(
        "The relay closed the connection when this key logged in, without a word.\n"
        "{relay} was reached and is a relay.[[key? The key was {key}.]]",
        "If the relay is yours, let this key in and look again: [[key?`tailhub allow add {key}`||"
        "`tailhub allow add <nodekey>`, with the key in a file that is named here: `--key FILE`]]\n"
        "If your own devices are not let in either, the program that the relay asks may be out of order; on its "
        "machine: `tailhub doctor --local`\n"
        "Look from a device that should be let in: `tailscale ping <peer>`",
        "A relay that serves only keys it knows, such as `derper -verify-clients` or one with `--refuse close`, does "
        "this to every other key. One whose verifier is out of order does it to all of them.",
        "Nothing, if your devices are let in. Those that are not log in again and again, write `derp.Recv: EOF` into "
        "their log, and are not told why.",
    ),
    "TH401": Text(
        "The relay can be reached, but does not let in the key of this check.\nIt says: {told}"
        "[[key? (the key was {key})]].",
        "If the relay is yours, let this key in and look again: [[key?`tailhub allow add {key}`||"
        "`tailhub allow add <nodekey>`, with the key in a file that is named here: `--key FILE`]]\n"
        "If it is not yours, give its owner the key.",
        "It serves only keys that it knows. That says nothing against the relay: devices that it knows get in.",
        "Nothing, for devices that are let in. A device that is not reads the same words in `tailscale status`.",
    ),
    "TH402": Text(
        "Small packets come through the relay, large ones do not.\n"
        "Of those sent, so many came: {small}; {large}.[[ended? Then the connection ended: {ended}.]]\n"
        "[[towards?They vanish on the way towards the relay.||[[back?They vanish on the way from the relay.||"
        "On which way they vanish cannot be told from here.]]]]",
        "Find the largest size that the path lets through, with smaller and smaller numbers: `ping -M do -s 1472 "
        "{host}`\n"
        "On the relay's machine set the MTU to that size and 28 more, which makes clients send smaller segments too: "
        "`sudo ip link set dev <interface> mtu <size>`\n"
        "In firewalls and security groups on the way let ICMP through: type 3 code 4, and ICMPv6 type 2.\n"
        "If a proxy stands before the relay, try without it.",
        "Something on the way throws packets above some size away, and the ICMP message that would tell the sender to "
        "make them smaller is dropped too: usual with tunnels, PPPoE and firewalls that block all ICMP. A proxy that "
        "cannot take large writes looks the same.",
        "Devices connect, and `tailscale ping` answers, but pages, SSH sessions and transfers through this relay hang.",
    ),
    "TH403": Text(
        "What comes from the relay comes in lumps: something in between collects it first.\n"
        "Packets that were sent one by one came together, in a lump about every {every_ms} ms.\n"
        "They took from {least_ms} to {most_ms} ms.",
        "Find out what stands between here and the relay: a web proxy, a CDN, a virus scanner or a filter that looks "
        "into TLS.\n"
        "Have it pass this host through untouched, as TCP, or switch its buffering off; in nginx: `proxy_buffering "
        "off;` and `tcp_nodelay on;`\n"
        "Look again from another network: if it is gone, it is in this one.\n"
        "If nothing stands in between, see whether the relay gets enough of its processor: `tailhub top`",
        "A relay and its clients exchange small messages that should leave at once. A proxy that takes them for the "
        "body of a long HTTP answer waits for more before it passes them on; nginx, HAProxy and Caddy do not after an "
        "upgrade. A relay that may run in slices only, under the CPU limit of a container, looks the same.",
        "It works, but with a delay that everybody notices: `tailscale ping` shows it, and calls stutter.",
    ),
    "TH404": Text(
        "A connection without traffic is lost after {after_s} s.\n"
        "[[dead?Nobody closed it, but nothing comes back over it any more.||Somebody closed it, and it was not this "
        "machine.]]",
        "In a proxy before the relay let connections be idle for longer than 75 s; in nginx: `proxy_read_timeout 1h;` "
        "and `proxy_send_timeout 1h;`, or in a stream block `proxy_timeout 1h;`; in HAProxy: `timeout tunnel 1h`\n"
        "In a firewall or NAT on the way raise the time after which it forgets idle TCP connections.\n"
        "Look again: `tailhub doctor <relay> --watch 90s`",
        "A relay sends a KeepAlive every 60 to 65 s and nothing in between, so a proxy's usual limit of 60 s cuts "
        "every idle client off, again and again; 75 s does not.",
        "Devices that do nothing lose their relay each time, cannot be reached until they are back, and their logs "
        "are full of `derp.Recv: EOF`.",
    ),
    "TH405": Text(
        "[[lost?{lost} of {sent} packets are lost on the way through the relay.||Data is lost on the way and sent "
        "again, which takes time.]]\n"
        "Of each size were lost: {each}; the slowest one in a hundred took {p99_ms} ms.\n"
        "[[inside?TCP lost nothing on either way: the packets were dropped in the relay, or in a proxy before it.||"
        "[[resent?Towards the relay TCP sent {resent} segments again. ||]][[stalls?From the relay packets had "
        "to wait for a lost one {stalls} times. ||]]What else is lost on which way cannot be "
        "told from here.]]",
        "On the relay look at its load and at what it drops: `tailhub top`\n"
        "Look from another network: what is not lost there is lost on the path of this one.\n"
        "Measure for longer: `tailhub probe {relay}`",
        "DERP runs over TCP, so of packets that are sent slowly none gets lost, unless a queue in the relay is "
        "full: it is overloaded, limits what a client may receive, or the path to the receiver is slow or loses much.",
        "Transfers through this relay are slow, calls break up.",
    ),
    "TH406": Text(
        "The relay is slow: packets between two clients take {p50_ms} ms, although the network answers in {way_ms} "
        "ms.\n"
        "The slowest one in a hundred took {p99_ms} ms, a ping to the relay and back {ping_ms} ms.\n"
        "[[queue?Pings are answered sooner, so packets wait in the relay; on which way cannot be told from here."
        "||Pings are late too, so all that the relay's process answers is late; on which way cannot be told from "
        "here.]]",
        "On the relay look at its load and its queues: `tailhub top`\n"
        "See whether other programs take its processor, or its provider slows it down: `top`\n"
        "If a proxy stands before it, try without it.",
        "The relay's system, or a proxy before it, answers at once, but the program does not: the machine is busy, "
        "limits clients without announcing it, or something in between holds packets back.",
        "All that goes through this relay is late by that much.",
    ),
    "TH407": Text(
        "The relay limits what a client may send: {rate} a second, {burst} at once.",
        "If that is meant, nothing is to be done. If the relay is yours and it is not: `--rate-limit-bytes-per-s 0`",
        "It tells its limit to each client at login, and clients keep to it. The check has kept to it too.",
        "Clients drop what they would send beyond it; over TCP they reach about three quarters of that rate.",
    ),
    "TH408": Text(
        "The file with the key by which the tools log in to relays cannot be used.\n{path}: {reason}.",
        "Look at its owner and mode: `ls -l {path!q}`\n"
        "Or move it away: `mv {path!q} {path!q}.old`, the next run makes another key, of which relays that admit only "
        "keys they know must be told.",
        'It should hold a node key, JSON `{{"PrivateKey": "privkey:<64 hex digits>"}}`, and be readable for whoever '
        "runs the tools.",
        "The tools do not log in; clients of the relay notice nothing.",
    ),
    "TH409": Text(
        "The relay does not let in a key that should be allowed.\nThe key is {key}.\n"
        "[[told?It says: {told}.||It closed the connection without a word.]]",
        "On the relay see whom it admits: `tailhub allow list`\n"
        "Put the key on its list: `tailhub allow add {key}`\n"
        "If another program decides (tailscaled, a verify URL, a list of devices), see whether it works: `tailhub "
        "doctor --local`",
        "The key is not on the relay's list, or the program that the relay asks does not know it or is out of order.",
        "The device with this key cannot use this relay. If its home is here, nobody reaches it by a relay.",
    ),
    "TH410": Text(
        "The relay took the login, and did not answer it within {waited_s} s.\n"
        "{relay} accepted the connection and the upgrade; neither a reason nor an end of the connection came.",
        "On the relay see whether it is busy, and whether the program that it asks about clients answers: `tailhub "
        "doctor --local`\n"
        "If a proxy stands before it, try without it: some collect answers until there is enough to pass on.",
        "The relay waits for a verifier that does not answer, hangs, or holds refused clients without a word; or a "
        "proxy keeps its answer back.",
        "Devices do not get in: `tailscale netcheck` says that all is well, because it does not log in.",
    ),
    "TH411": Text(
        "The login broke off before the relay could decide on it.\n{detail}.",
        "Look once more: if it goes on, see what {relay} says in its log at that moment.\n"
        "If a proxy stands before it, try without it: it must pass bytes on unchanged after the upgrade.",
        "What answers accepted the upgrade to DERP, and then sent what is no DERP, or closed. A proxy that rewrites "
        "or several servers behind one address are the usual cause.",
        "Devices do not get in, and try again and again.",
    ),
    "TH412": Text(
        "The relay does not pass packets on as they were sent.\n"
        "Of {sent} packets: altered {altered}, doubled {duplicates}, overtaken {overtaken}.",
        "Look without any proxy before the relay.\n"
        "If it stays, report it to whoever makes the relay, with its version.",
        "A relay hands each packet on once, in order, unchanged: that is certain of no healthy relay to fail.",
        "WireGuard throws away altered and doubled packets; TCP in the tunnel gets slow by those out of order.",
    ),
    "TH413": Text(
        "The relay tells its clients: {text}.",
        "It is a message of the relay's owner, and no fault of this check's. If the relay is yours: `tailhub notice`",
        "A relay can show a text to the users of its clients.",
        "Users read it in `tailscale status`.",
    ),
    "TH414": Text(
        "Clients log in, but packets do not come from one to another.\n"
        "Of {sent} small packets {received} came.[[ended? The connection ended: {ended}.]]",
        "On the relay look at what it drops and why it closes connections: `tailhub top`\n"
        "If a proxy or several relays stand behind this address, try without them.",
        "The relay closes connections that carry packets, passes none on, or the two clients of this check came to "
        "different relays behind one address.",
        "Devices connect to this relay and do not reach each other.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH400": Text(
        "此密钥登录时，中继一言不发地断开了连接。\n{relay} 可以到达，而且确实是中继。[[key?密钥是 {key}。]]",
        "如果中继是你的，请放行此密钥后再检查：[[key?`tailhub allow add {key}`||"
        "`tailhub allow add <nodekey>`，并在这里指定存放该密钥的文件：`--key FILE`]]\n"
        "如果你自己的设备也进不去，可能是中继所询问的程序出了问题；请在中继机器上运行：`tailhub doctor --local`\n"
        "在一台应当能进入的设备上查看：`tailscale ping <peer>`",
        "只接纳已知密钥的中继（例如 `derper -verify-clients`，或设了 `--refuse close` 的）对其他任何密钥都会这样。"
        "验证程序出了问题的中继则对所有密钥都这样。",
        "如果你的设备能进入，则没有影响。进不去的设备会反复登录，日志里写着 `derp.Recv: EOF`，而且不知道原因。",
    ),
    "TH401": Text(
        "中继可以到达，但不放行本次检查所用的密钥。\n它说：{told}[[key?（密钥是 {key}）]]。",
        "如果中继是你的，请放行此密钥后再检查：[[key?`tailhub allow add {key}`||"
        "`tailhub allow add <nodekey>`，并在这里指定存放该密钥的文件：`--key FILE`]]\n"
        "如果不是你的，请把密钥告诉中继的主人。",
        "它只为已知的密钥服务。这并不说明中继有问题：它认识的设备都能进入。",
        "对能进入的设备没有影响。进不去的设备在 `tailscale status` 里会读到同样的话。",
    ),
    "TH402": Text(
        "小数据包能通过中继，大数据包不能。\n"
        "发出的包到达情况：{small}；{large}。[[ended?随后连接中断：{ended}。]]\n"
        "[[towards?它们消失在去往中继的方向。||[[back?它们消失在从中继返回的方向。||从这里无法判断消失在哪个方向。]]]]",
        "从大到小换着数字试，找出这条路径能通过的最大尺寸：`ping -M do -s 1472 {host}`\n"
        "在中继机器上把 MTU 设为该尺寸加 28，这样客户端发来的报文段也会变小："
        "`sudo ip link set dev <interface> mtu <size>`\n"
        "在沿途的防火墙和安全组里放行 ICMP：type 3 code 4，以及 ICMPv6 type 2。\n"
        "如果中继前面有代理，请绕过它试一次。",
        "途中有设备丢弃超过某个尺寸的数据包，而本应告诉发送方改小的 ICMP 消息也被丢弃："
        "隧道、PPPoE 和屏蔽全部 ICMP 的防火墙常会如此。处理不了大块写入的代理看上去也一样。",
        "设备能连上，`tailscale ping` 也有应答，但经此中继的网页、SSH 会话和传输会卡住。",
    ),
    "TH403": Text(
        "来自中继的数据成批到达：中间有东西先把它们攒了起来。\n"
        "逐个发出的数据包一起到达，大约每 {every_ms} 毫秒一批。\n"
        "用时从 {least_ms} 到 {most_ms} 毫秒。",
        "查清这里与中继之间有什么：网页代理、CDN、杀毒软件，或会拆看 TLS 的过滤设备。\n"
        "让它把这个主机作为 TCP 原样放行，或关闭它的缓冲；nginx 中是：`proxy_buffering off;` 和 `tcp_nodelay on;`\n"
        "换一个网络再检查：如果现象消失，原因就在当前网络里。\n"
        "如果中间什么都没有，查看中继得到的处理器时间是否足够：`tailhub top`",
        "中继与客户端交换的是应当立即发出的小消息。把它们当作一个很长的 HTTP 应答正文的代理，会等到更多数据才转发；"
        "nginx、HAProxy 和 Caddy 在升级之后不会这样。受容器 CPU 限制、只能断续运行的中继看上去也一样。",
        "能用，但人人都能感到延迟：`tailscale ping` 看得出来，通话会断断续续。",
    ),
    "TH404": Text(
        "没有流量的连接在 {after_s} 秒后失效。\n"
        "[[dead?没有谁关闭它，但再也收不到任何应答。||有谁关闭了它，而且不是本机。]]",
        "让中继前面的代理允许连接空闲超过 75 秒；nginx：`proxy_read_timeout 1h;` 和 `proxy_send_timeout 1h;`，"
        "在 stream 块中是 `proxy_timeout 1h;`；HAProxy：`timeout tunnel 1h`\n"
        "在途中的防火墙或 NAT 上，把遗忘空闲 TCP 连接的时间调长。\n"
        "再检查一次：`tailhub doctor <relay> --watch 90s`",
        "中继每 60 到 65 秒发一个 KeepAlive，其间什么都不发，所以代理常用的 60 秒限制会一次又一次切断每个空闲客户端；"
        "75 秒则不会。",
        "空闲的设备每次都会失去中继，在重新连上之前无法到达，它们的日志里满是 `derp.Recv: EOF`。",
    ),
    "TH405": Text(
        "[[lost?经过中继的 {sent} 个数据包中丢失了 {lost} 个。||途中有数据丢失并被重发，因而耗时。]]\n"
        "各尺寸丢失数量：{each}；最慢的百分之一用了 {p99_ms} 毫秒。\n"
        "[[inside?TCP 在两个方向上都没有丢失：数据包是在中继里，或在它前面的代理里被丢弃的。||"
        "[[resent?去往中继的方向上 TCP 重发了 {resent} 个报文段。||]]"
        "[[stalls?从中继返回的方向上，数据包有 {stalls} 次不得不等待丢失的数据。||]]"
        "其余丢失在哪个方向，从这里无法判断。]]",
        "在中继上查看负载和它丢弃了什么：`tailhub top`\n"
        "换一个网络再检查：在那里不丢的，就是丢在当前网络的路径上。\n"
        "测量更长时间：`tailhub probe {relay}`",
        "DERP 走 TCP，慢慢发出的数据包一个都不会丢，除非中继里的队列满了："
        "中继过载，或限制了客户端的接收，或者通往接收方的路径太慢、丢失太多。",
        "经此中继的传输很慢，通话断断续续。",
    ),
    "TH406": Text(
        "中继很慢：两个客户端之间的数据包要 {p50_ms} 毫秒，而网络本身 {way_ms} 毫秒就有应答。\n"
        "最慢的百分之一用了 {p99_ms} 毫秒，到中继的往返 ping 用了 {ping_ms} 毫秒。\n"
        "[[queue?ping 应答得更快，所以数据包是在中继里等待；在哪个方向，从这里无法判断。||"
        "ping 也很慢，所以凡是由中继进程应答的都慢；在哪个方向，从这里无法判断。]]",
        "在中继上查看负载和队列：`tailhub top`\n"
        "查看是否有别的程序占用处理器，或服务商限制了它的速度：`top`\n"
        "如果它前面有代理，请绕过它试一次。",
        "中继的系统或它前面的代理立即应答，程序却没有：机器繁忙，或限制了客户端却没有告知，或者中间有东西扣住了数据包。",
        "经此中继的一切都会迟到这么久。",
    ),
    "TH407": Text(
        "中继限制了每个客户端的发送：每秒 {rate}，一次最多 {burst}。",
        "如果这是有意的，不必处理。如果中继是你的而且并非有意：`--rate-limit-bytes-per-s 0`",
        "它在登录时把限制告诉每个客户端，客户端会遵守。本次检查也遵守了。",
        "客户端会丢弃超出部分；通过 TCP 大约能达到该速率的四分之三。",
    ),
    "TH408": Text(
        "存放诊断工具登录中继所用密钥的文件无法使用。\n{path}：{reason}。",
        "查看其属主和权限：`ls -l {path!q}`\n"
        "或者移走它：`mv {path!q} {path!q}.old`，下次运行会生成新密钥，只接纳已知密钥的中继需要重新登记它。",
        '其中应是节点密钥，即 JSON `{{"PrivateKey": "privkey:<64 位十六进制>"}}`，并且运行工具的用户能够读取。',
        "工具不会登录；中继的客户端不受影响。",
    ),
    "TH409": Text(
        "中继没有放行一个应当允许的密钥。\n密钥是 {key}。\n[[told?它说：{told}。||它一言不发地断开了连接。]]",
        "在中继上查看它接纳谁：`tailhub allow list`\n"
        "把密钥加入名单：`tailhub allow add {key}`\n"
        "如果由别的程序决定（tailscaled、验证 URL、设备列表），查看它是否正常：`tailhub doctor --local`",
        "密钥不在中继的名单里，或者中继所询问的程序不认识它，或出了问题。",
        "持有此密钥的设备不能使用此中继。如果它以此为主中继，谁也不能经中继到达它。",
    ),
    "TH410": Text(
        "中继收下了登录请求，但 {waited_s} 秒内没有答复。\n{relay} 接受了连接和升级；既没有给出原因，也没有断开连接。",
        "在中继上查看它是否繁忙，以及它用来询问客户端的程序是否应答：`tailhub doctor --local`\n"
        "如果它前面有代理，请绕过它试一次：有些代理会把应答攒够了才转发。",
        "中继在等一个不应答的验证程序，或已卡死，或一言不发地保持着被拒绝的客户端；也可能是代理扣住了它的应答。",
        "设备进不去；`tailscale netcheck` 却说一切正常，因为它不登录。",
    ),
    "TH411": Text(
        "登录在中继做出决定之前就中断了。\n{detail}。",
        "再检查一次：如果仍然如此，查看 {relay} 当时的日志。\n"
        "如果它前面有代理，请绕过它试一次：升级之后代理必须原样转发字节。",
        "应答方接受了向 DERP 的升级，随后发来的却不是 DERP，或断开了连接。"
        "通常的原因是改写内容的代理，或一个地址后面有几台服务器。",
        "设备进不去，并一再重试。",
    ),
    "TH412": Text(
        "中继没有按发送时的样子转交数据包。\n"
        "{sent} 个数据包中：被改动 {altered} 个，重复 {duplicates} 个，乱序 {overtaken} 个。",
        "绕过中继前面的代理再检查。\n如果仍然如此，请连同版本报告给中继软件的作者。",
        "中继应把每个数据包按顺序、原样、只转交一次：健康的中继绝不会违背这一点。",
        "WireGuard 会丢弃被改动和重复的数据包；乱序会使隧道里的 TCP 变慢。",
    ),
    "TH413": Text(
        "中继告诉它的客户端：{text}。",
        "这是中继主人的消息，不是检查出的故障。如果中继是你的：`tailhub notice`",
        "中继可以向客户端的用户显示一段文字。",
        "用户会在 `tailscale status` 里读到它。",
    ),
    "TH414": Text(
        "客户端能登录，但数据包不能从一个到达另一个。\n"
        "{sent} 个小数据包中到达了 {received} 个。[[ended?连接中断：{ended}。]]",
        "在中继上查看它丢弃了什么、为何断开连接：`tailhub top`\n如果这个地址后面有代理或几台中继，请绕过它们试一次。",
        "中继断开了传送数据包的连接，或一个都不转交，或者本次检查的两个客户端连到了同一地址后面的不同中继。",
        "设备能连上此中继，却互相到达不了。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "login-admitted": ("this key is admitted, {ms} ms", "此密钥获准进入，{ms} 毫秒"),
    "login-not-reached": ("not tried: nothing that could be logged in to was reached", "未尝试：没有到达可以登录之处"),
    "login-refused": ("reachable, but this key is not allowed", "可以到达，但此密钥未获准"),
    "limit-rate": ("{rate} a second for each client", "每个客户端每秒 {rate}"),
    "packets-key-not-allowed": ("not tested: this key is not allowed", "未测试：此密钥未获准"),
    "packets-several-relays": (
        "not tested: the two connections came to different relays",
        "未测试：两个连接到了不同的中继",
    ),
    "packets-limit-too-low": ("not tested: the relay's limit is too low", "未测试：中继的限速太低"),
    "packets-between-two": (
        "{sizes} B: {lost} of {sent} lost, p50 {p50} ms, p99 {p99} ms[[skipped?; {skipped} B not tried, the limit is "
        "too low]]",
        "{sizes} B：{sent} 个中丢失 {lost} 个，p50 {p50} 毫秒，p99 {p99} 毫秒"
        "[[skipped?；{skipped} B 未尝试，限速太低]]",
    ),
    "packets-to-itself": (
        "{sizes} B: {lost} of {sent} lost, p50 {p50} ms, p99 {p99} ms, from one key to itself because no other is "
        "allowed[[skipped?; {skipped} B not tried, the limit is too low]]",
        "{sizes} B：{sent} 个中丢失 {lost} 个，p50 {p50} 毫秒，p99 {p99} 毫秒，由一个密钥发给自己，因为其他密钥未获准"
        "[[skipped?；{skipped} B 未尝试，限速太低]]",
    ),
    "idle-held": ("{s} s without traffic, and not cut", "{s} 秒没有流量，未被切断"),
    "idle-not-watched": (
        "not tested; `--watch 90s` holds a connection without traffic for so long",
        "未测试；`--watch 90s` 会让一个连接在没有流量的情况下保持这么久",
    ),
}

STEPS: dict[str, tuple[str, str]] = {
    "login": ("login", "登录"),
    "limit": ("limit", "限速"),
    "notice": ("notice", "通知"),
    "packets": ("packets", "数据包"),
    "idle": ("idle", "空闲连接"),
}
