"""What the findings of `tailhub.findings.askers` say."""

from __future__ import annotations

from tailhub.findings.text import Text

_SAYS = "\nIts log[[region?, of region {region}]]: {said}."
_SAYS_ZH = "\n其日志[[region?（区域 {region}）]]：{said}。"

ENGLISH: dict[str, Text] = {
    "TH435": Text(
        "The client does not know who issued the relay's certificate." + _SAYS,
        "See from another machine which of the reasons it is: `tailhub doctor HOST:PORT`\n"
        "If the relay made its certificate itself, the map must have its pin as CertName; compare on the relay "
        "first: "
        "`tailhub cert show`\n"
        "If it is from a CA, serve the whole chain, with the intermediate certificates.",
        "The certificate is self-signed and the map has no pin for it, or the intermediate certificate is missing, "
        "or "
        "somebody in between answers with a certificate of their own. The client does not say which.",
        "This client has no connection to the relay: whoever has it as home cannot be reached through it.",
    ),
    "TH436": Text(
        "The server has no certificate for the name that clients ask for." + _SAYS,
        "Compare the map's HostName with the name that the relay or the proxy before it is set up for.\n"
        "The original's derper answers for its `-hostname` alone: give it the map's name, or the map its name.",
        "The name of the map is sent along when TLS begins, and who answers there does not know it: another "
        "derper, a "
        "proxy, or another web server at that address.",
        "No client gets a connection by that name; STUN goes on, so the region is still chosen as home.",
    ),
    "TH437": Text(
        "The client's machine knows no way to the relay's address." + _SAYS,
        "See whether that machine has the family of addresses that the map gives, IPv4 or IPv6, and a default "
        "route.\n"
        "Give the map both addresses of the relay if it has both.",
        "The network that the client is in has no route there: often the map gives IPv6 alone, or a VPN or a "
        "firewall "
        "takes the route away.",
        "This client cannot use the relay from where it is; others may well do.",
    ),
    "TH438": Text(
        "The relay's port accepts connections, and then says nothing." + _SAYS,
        "Look at it from another machine: `tailhub doctor HOST:PORT`\n"
        "On the relay, see whether the program hangs or a proxy before it waits for one that is gone.",
        "Somebody accepts the connection (the kernel does so for a program that hangs, and so does a port mapping "
        "without a program behind it), or a filter in between drops what comes after.",
        "Each try of a client takes 10 s and fails; whoever has this home cannot be reached.",
    ),
    "TH439": Text(
        "The connection is closed before the relay has said who it is." + _SAYS,
        "Look at it from another machine: `tailhub doctor HOST:PORT`\n"
        "If a proxy or a port mapping is before the relay, see whether the relay behind it runs.",
        "A proxy without its relay, a program that is no TLS server, or a filter that does not like what it sees "
        "accepts the connection and ends it.",
        "No client gets a connection that way; whoever has this home cannot be reached.",
    ),
    "TH440": Text(
        "The map's CertName is a hash in a form that clients do not know." + _SAYS,
        "Compare on the relay first: `tailhub cert show`\n"
        "Write CertName as it stands there: `sha256-raw:` and 64 hexadecimal digits in small letters.",
        "What does not begin with `sha256-raw:` is taken for a name, and no certificate has such a name.",
        "Every client of this map refuses the relay.",
    ),
    "TH441": Text(
        "The client's map has no relay in this region." + _SAYS,
        "See what the client has: `tailscale debug derp-map`\n"
        "Give the region a node without STUNOnly, with an address that clients can reach.",
        "All of the region's nodes are for STUN only or have no address, or the region was taken out of the map "
        "while "
        "others still have it as home.",
        "Nobody can be reached through this region.",
    ),
    "TH442": Text(
        "The client's map of this region changes again and again." + _SAYS,
        "Have the control server hand out the same map each time. Headscale: list the nodes of a region in one "
        "file of "
        "`derp.paths`, in a fixed order.\n"
        "See that each node of the region works, not only the first: `tailhub doctor MAP`",
        "At each change the client closes its connection and makes another, perhaps to another node. Headscale reads "
        "its map anew every few hours and may change the order of nodes.",
        "Traffic stops for a moment each time; if one of the nodes is broken, it stays away from then on.",
    ),
    "TH443": Text(
        "The relay itself tells the client's user that something is wrong." + _SAYS,
        "Do what it says.\nIf it refuses this client, let it in on the relay: `tailhub allow pending`",
        "The text is from the relay or its owner. A client that is refused or over its quota reads why in this way.",
        "The user sees it in `tailscale status`; what it means for them is in the text.",
    ),
    "TH444": Text(
        "A device of the network's owner answers in the relay's place." + _SAYS,
        "Try another network, a phone's for example.\n"
        "Ask the network's administrator to let the relay's name and address through without inspection.",
        "A firewall that opens TLS, in a company or a school, shows a certificate of its own.",
        "In this network the client has no connection to the relay.",
    ),
    "TH445": Text(
        "The client does not reach its control server." + _SAYS,
        "See whether Headscale, or Tailscale's service, can be reached from that machine: `tailscale status`\n"
        "Look for what its name resolves to, for a proxy, and for a firewall there.",
        "This is not about the relay: without the control server a client learns of no change of the map, and keeps "
        "its home.",
        "What works goes on working; new devices, new addresses and new relays are not seen.",
    ),
    "TH446": Text(
        "The client changes its home relay again and again." + _SAYS,
        "See how the regions compare from there: `tailhub netcheck --map MAP`\n"
        "Give one of them a better score in the map (HomeParams.RegionScore) where two are about as near.",
        "Two regions are nearly as near, or one answers STUN while nobody gets a connection to it, or its STUN "
        "answers "
        "get lost now and then.",
        "At each change others need some seconds until they know where to send to.",
    ),
    "TH447": Text(
        "The client's network wants a login in a browser first." + _SAYS,
        "Open any page in a browser on that machine and log in.",
        "A captive portal, as hotels and trains have one, answers in place of everybody.",
        "Until then the client reaches no relay and nobody else.",
    ),
    "TH448": Text(
        "The client reaches no relay at all." + _SAYS,
        "See whether that machine has a network, and whether its firewall lets it connect to TCP 443 and the relays' "
        "ports.",
        "Nothing points at one relay: its network is down, or does not let it out.",
        "The device is cut off; nobody reaches it.",
    ),
    "TH449": Text(
        "The client has no connection to the relay, for a reason that is not known here." + _SAYS,
        "Look at the relay from that machine: `tailhub doctor HOST:PORT`",
        "The client's own words are all that there is.",
        "While it lasts, whoever has this home cannot be reached.",
    ),
    "TH450": Text(
        "Node keys that two connections use at once: {count}.\nSeen: {keys}.",
        "Find the two machines by the addresses, `tailhub explain KEY`: one of them is often a copy of the other (a "
        "cloned disk or virtual machine, a restored backup, a container with the same state twice).\n"
        "Log the copy out and in again, which gives it a key of its own: `tailscale logout`, then `tailscale up`",
        "Two machines have one state of Tailscale. The relay sends to whichever has spoken last, so that they take "
        "turns. A single machine whose network has just changed is seen twice for a minute or two; then it is over.",
        "Both lose packets and connections that the other one gets.",
    ),
    "TH451": Text(
        "The tailscaled at {path} (version {version}) does not know how to say who has a key.\nIt says: {reason}.",
        "Upgrade it: `sudo tailscale update`, or by the system's packages.",
        "It is so old that its whole list of peers has to be read at each login, and so old a client takes no map "
        "with "
        "pins either (those need 1.84).",
        "Logins are slower, and take more of this machine, the larger the tailnet is.",
    ),
    "TH452": Text(
        "Where the relay looks for {path} is not tailscaled's socket of now.\n"
        "[[directory?The directory {parent} that is mounted there has been removed and made anew since"
        "||The file that is mounted there is one that tailscaled has removed since]].",
        "Start the relay's container or service again, so that it gets what is there now.\n"
        "[[directory?For good, have systemd keep the directory when tailscaled restarts: "
        "`sudo systemctl edit tailscaled`, and there `RuntimeDirectoryPreserve=yes` under `[Service]`"
        "||For good, mount the directory instead of the file: `-v {parent}:{parent}`]]",
        "A mount shows what was there when it was made; tailscaled makes its socket anew at each start, and systemd "
        "its directory.",
        "The relay admits nobody who is not remembered: whoever reconnects is refused, those who are in stay.",
    ),
    "TH453": Text(
        "{url} answers, but with no verdict.\nIt says: {reason}.",
        "Ask it yourself: `curl -sS -H 'Content-Type: application/json' -d '{{}}' {url!q}`\n"
        "Name the URL that answers in JSON with Allow: Headscale's ends with `/verify`: "
        "`{setting:=https://HOST/verify}`",
        "Something else is there than a verifier: a web server's page, a login page before it, another path, or a "
        "program that fails.",
        "This counts as no: clients that are not remembered are refused, whatever is said about failing open.",
    ),
    "TH454": Text(
        "This machine's own Tailscale has this relay as its home ({region}, {name}), and no connection to it.\n"
        "It says: {reason}.",
        "Let this machine reach the relay at the address that the map gives; some routers and clouds do not send it "
        "back in.\n"
        "Or give the region a score, so that this machine chooses another: HomeParams.RegionScore in the map, "
        "above 1.",
        "STUN answers from nearby, so the relay is the nearest; the way by TCP to the same machine's public "
        "address is "
        "closed, though others may well get in.",
        "Nobody reaches this machine through a relay, and it reaches nobody whose direct path is closed.",
    ),
    "TH455": Text(
        "This machine's own Tailscale has this relay as its home ({region}, {name}), though the map has others.",
        "If that is not meant, give the region a score above 1 in the map: HomeParams.RegionScore. Headscale does "
        "not "
        "hand that on; there, leave it as it is.",
        "The relay is nearest to its own machine, always.",
        "Whoever cannot reach this relay cannot reach this machine by a relay either, and while the relay is down, "
        "nobody can.",
    ),
    "TH456": Text(
        "{verifier} answers here, but not to the relay that runs.\nThe relay says: {reason}.",
        "See what the relay's own user, container or network may not do: look at its log, `tailhub log recent`\n"
        "If it was only so for a moment, it is over at the next login.",
        "The relay runs as another user, in another container or with other rules than this check.",
        "Clients that are not remembered are refused, unless the relay is told to let all in then.",
    ),
    "TH457": Text(
        "An HTTP proxy does not let the client through to the relay." + _SAYS,
        "Have the proxy allow CONNECT to the relay's name or address, at port 443: a client asks for no other port.\n"
        "Or take the relay out of what goes through it, in the environment of the client's service: `NO_PROXY=HOST`\n"
        "See what the service has: `sudo cat /etc/default/tailscaled`",
        "The client's environment names a proxy (HTTPS_PROXY), or its system does. Such proxies allow few ports and "
        "names.",
        "This client has no connection to the relay: whoever has it as home cannot be reached through it.",
    ),
    "TH458": Text(
        "The relay does not let this client in." + _SAYS,
        "See on the relay who was refused and let this one in: `tailhub allow pending`\n"
        "If all of your devices are refused, the program that the relay asks is out of order; on its machine: "
        "`tailhub doctor --local`\n"
        "See on the device what its key is, which a new login changes: `tailscale status --json`",
        "The relay closes the connection right after the client has said who it is: its key is not on the list, or "
        "whoever is asked about keys does not answer. Other relays than tailhub give no reason either.",
        "This client logs in again and again. Whoever has this home cannot be reached; `tailscale netcheck` and "
        "`tailscale debug derp` say that all is well.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH435": Text(
        "客户端不知道中继的证书是谁签发的。" + _SAYS_ZH,
        "从另一台机器查看是哪一种原因：`tailhub doctor HOST:PORT`\n"
        "如果证书是中继自己生成的，映射里必须以 CertName 写上它的指纹；请先在中继上核对：`tailhub cert show`\n"
        "如果证书来自 CA，请提供完整的证书链，包括中间证书。",
        "证书是自签名的而映射里没有它的指纹，或者缺少中间证书，或者中间有人用自己的证书应答。客户端没有说是哪一种。",
        "该客户端连不上这台中继：以它为家的设备无法通过它访问。",
    ),
    "TH436": Text(
        "服务器没有客户端所请求的名称的证书。" + _SAYS_ZH,
        "请比较映射里的 HostName 与中继（或它前面的代理）所设置的名称。\n"
        "原版 derper 只以它的 `-hostname` 应答：让它用映射里的名称，或让映射用它的名称。",
        "TLS 开始时会带上映射里的名称，而那里应答的程序不认识它：另一个 derper、一个代理，或该地址上的另一个网站。",
        "没有客户端能用该名称连上；STUN 仍然正常，因此该区域仍会被选为家。",
    ),
    "TH437": Text(
        "客户端所在的机器没有到中继地址的路由。" + _SAYS_ZH,
        "请检查那台机器是否有映射所给的地址族（IPv4 或 IPv6）以及默认路由。\n如果中继两种地址都有，请在映射里都写上。",
        "客户端所在的网络没有到那里的路由：常见的是映射只给了 IPv6，或者 VPN、防火墙去掉了路由。",
        "该客户端在当前网络里用不了这台中继；其他客户端可能正常。",
    ),
    "TH438": Text(
        "中继的端口接受连接，然后一言不发。" + _SAYS_ZH,
        "从另一台机器检查：`tailhub doctor HOST:PORT`\n在中继上查看程序是否卡住，"
        "或者它前面的代理是否在等一个已经不在的程序。",
        "有人接受了连接（程序卡住时内核会这样做，背后没有程序的端口映射也会），或者中间的过滤器丢弃了后面的数据。",
        "客户端每次尝试都要 10 秒并失败；以它为家的设备无法访问。",
    ),
    "TH439": Text(
        "在中继说明自己是谁之前，连接就被关闭了。" + _SAYS_ZH,
        "从另一台机器检查：`tailhub doctor HOST:PORT`\n如果中继前面有代理或端口映射，请检查后面的中继是否在运行。",
        "一个背后没有中继的代理、一个不是 TLS 服务器的程序，或一个不喜欢所见内容的过滤器，接受连接后又把它关闭。",
        "这样没有客户端能连上；以它为家的设备无法访问。",
    ),
    "TH440": Text(
        "映射里的 CertName 是一个客户端不认识其写法的哈希。" + _SAYS_ZH,
        "请先在中继上核对：`tailhub cert show`\n按那里显示的写 CertName：`sha256-raw:` 加 64 个小写十六进制数字。",
        "不以 `sha256-raw:` 开头的会被当作名称，而没有证书带有这样的名称。",
        "使用此映射的所有客户端都拒绝这台中继。",
    ),
    "TH441": Text(
        "客户端的映射里，该区域没有中继。" + _SAYS_ZH,
        "查看客户端拿到的映射：`tailscale debug derp-map`\n请给该区域一个没有 STUNOnly、客户端能访问其地址的节点。",
        "该区域的节点都只用于 STUN 或没有地址，或者该区域已从映射中删除，而别的设备仍以它为家。",
        "没有人能通过该区域访问。",
    ),
    "TH442": Text(
        "客户端拿到的该区域的映射一再变化。" + _SAYS_ZH,
        "让控制服务器每次给出相同的映射。Headscale：把一个区域的节点按固定顺序写在 `derp.paths` 的同一个文件里。\n"
        "请检查该区域的每个节点都正常，而不只是第一个：`tailhub doctor MAP`",
        "每次变化时客户端都会关闭连接并重新建立，可能连到另一个节点。Headscale 每隔几小时重新读取映射，"
        "可能改变节点的顺序。",
        "每次流量都会中断片刻；如果其中一个节点有故障，此后就一直连不上。",
    ),
    "TH443": Text(
        "中继自己告诉客户端的用户出了问题。" + _SAYS_ZH,
        "请照它说的做。\n如果它拒绝该客户端，请在中继上放行：`tailhub allow pending`",
        "这段文字来自中继或其主人。被拒绝或超出配额的客户端就是这样看到原因的。",
        "用户在 `tailscale status` 里看到它；它对用户意味着什么，写在文字里。",
    ),
    "TH444": Text(
        "网络主人的设备在代替中继应答。" + _SAYS_ZH,
        "换一个网络试试，例如手机的网络。\n请网络管理员对中继的名称和地址放行，不做检查。",
        "公司或学校里会解开 TLS 的防火墙出示它自己的证书。",
        "在这个网络里，客户端连不上中继。",
    ),
    "TH445": Text(
        "客户端连不上它的控制服务器。" + _SAYS_ZH,
        "请检查那台机器能否访问 Headscale 或 Tailscale 的服务：`tailscale status`\n请查看其名称解析到哪里、"
        "有没有代理、那里的防火墙。",
        "这与中继无关：没有控制服务器，客户端就得不到映射的变化，并保持原来的家。",
        "已经能用的继续能用；新的设备、新的地址和新的中继看不到。",
    ),
    "TH446": Text(
        "客户端一再更换作为家的中继。" + _SAYS_ZH,
        "从那里比较各区域：`tailhub netcheck --map MAP`\n如果有两个差不多近，"
        "请在映射里给其中一个更好的分数（HomeParams.RegionScore）。",
        "两个区域几乎一样近，或者其中一个应答 STUN 却没有人连得上，或者它的 STUN 应答时有丢失。",
        "每次更换，别的设备都需要几秒钟才知道往哪里发送。",
    ),
    "TH447": Text(
        "客户端所在的网络要求先在浏览器里登录。" + _SAYS_ZH,
        "请在那台机器的浏览器里打开任意网页并登录。",
        "像酒店和火车上那样的强制登录页面代替所有人应答。",
        "在此之前，客户端连不上任何中继和其他人。",
    ),
    "TH448": Text(
        "客户端连不上任何中继。" + _SAYS_ZH,
        "请检查那台机器有没有网络，以及它的防火墙是否允许连接 TCP 443 和各中继的端口。",
        "没有迹象指向某一台中继：它的网络断了，或者不让它出去。",
        "该设备与外界隔绝；没有人能访问它。",
    ),
    "TH449": Text(
        "客户端连不上中继，原因这里不认识。" + _SAYS_ZH,
        "从那台机器检查中继：`tailhub doctor HOST:PORT`",
        "只有客户端自己的说法。",
        "在此期间，以它为家的设备无法访问。",
    ),
    "TH450": Text(
        "同时被两个连接使用的节点密钥：{count} 个。\n看到：{keys}。",
        "按地址找到这两台机器，`tailhub explain KEY`：其中一台往往是另一台的副本（克隆的磁盘或虚拟机、恢复的备份、"
        "同一份状态用了两次的容器）。\n"
        "让副本注销后重新登录，它就会有自己的密钥：`tailscale logout`，然后 `tailscale up`",
        "两台机器共用一份 Tailscale 状态。中继发给最后说话的那一个，于是它们轮流得到。"
        "刚换了网络的一台机器会有一两分钟被看成"
        "两台，之后就好了。",
        "两台都会丢失被另一台收走的数据包和连接。",
    ),
    "TH451": Text(
        "{path} 处的 tailscaled（版本 {version}）不会回答某个密钥是谁的。\n它说：{reason}。",
        "请升级它：`sudo tailscale update`，或用系统的软件包。",
        "它太旧了，每次登录都要读取它的整个设备列表；这么旧的客户端也不接受带指纹的映射（需要 1.84）。",
        "登录变慢，tailnet 越大，占用本机的资源越多。",
    ),
    "TH452": Text(
        "中继在 {path} 看到的不是 tailscaled 现在的 socket。\n"
        "[[directory?挂载在那里的目录 {parent} 后来被删除并重建了||挂载在那里的文件后来被 tailscaled 删除了]]。",
        "重新启动中继的容器或服务，让它看到现在的内容。\n"
        "[[directory?要一劳永逸，请让 systemd 在 tailscaled 重启时保留该目录：`sudo systemctl edit tailscaled`，"
        "在其中的 "
        "`[Service]` 下写 `RuntimeDirectoryPreserve=yes`||要一劳永逸，请改为挂载目录而不是文件：`-v "
        "{parent}:{parent}`]]",
        "挂载显示的是挂载时那里的内容；tailscaled 每次启动都新建 socket，systemd 则新建它的目录。",
        "中继不放行任何没有记住的设备：重新连接的会被拒绝，已经连着的不受影响。",
    ),
    "TH453": Text(
        "{url} 有应答，但不是裁决。\n它说：{reason}。",
        "自己问问看：`curl -sS -H 'Content-Type: application/json' -d '{{}}' {url!q}`\n"
        "请写以 JSON 和 Allow 应答的网址；Headscale 的以 `/verify` 结尾：`{setting:=https://HOST/verify}`",
        "那里不是验证程序：是网站的页面、它前面的登录页、另一个路径，或出错的程序。",
        "这算作拒绝：没有记住的客户端会被拒绝，无论失败时是否设为放行。",
    ),
    "TH454": Text(
        "本机自己的 Tailscale 以这台中继为家（{region}，{name}），却连不上它。\n它说：{reason}。",
        "让本机能以映射所给的地址访问中继；有些路由器和云不会把它送回来。\n"
        "或者给该区域一个分数，让本机选别的：映射里的 HomeParams.RegionScore，大于 1。",
        "STUN 从近处应答，所以这台中继最近；而以 TCP 到本机公网地址的路是不通的，尽管别人可能进得来。",
        "没有人能通过中继访问本机，本机也访问不了无法直连的设备。",
    ),
    "TH455": Text(
        "本机自己的 Tailscale 以这台中继为家（{region}，{name}），尽管映射里还有别的区域。",
        "如果不是有意的，请在映射里给该区域一个大于 1 的分数：HomeParams.RegionScore。Headscale 不会转发它；"
        "那就保持现状。",
        "中继离自己的机器总是最近。",
        "访问不了这台中继的人也无法通过中继访问本机；中继停止时，谁都不能。",
    ),
    "TH456": Text(
        "{verifier} 在这里有应答，但不应答正在运行的中继。\n中继说：{reason}。",
        "请查看中继自己的用户、容器或网络不能做什么：看它的日志，`tailhub log recent`\n如果只是一时的，"
        "下次登录就好了。",
        "中继以另一个用户、在另一个容器里或按另一些规则运行，与这次检查不同。",
        "没有记住的客户端会被拒绝，除非让中继在这种时候全部放行。",
    ),
    "TH457": Text(
        "HTTP 代理不让客户端连到中继。" + _SAYS_ZH,
        "让代理允许 CONNECT 到中继的名称或地址的 443 端口：客户端不会请求别的端口。\n"
        "或者在客户端服务的环境里让中继不经过它：`NO_PROXY=HOST`\n"
        "查看服务的环境：`sudo cat /etc/default/tailscaled`",
        "客户端的环境（HTTPS_PROXY）或其系统指定了代理。这类代理只允许很少的端口和名称。",
        "该客户端连不上这台中继：以它为家的设备无法通过它访问。",
    ),
    "TH458": Text(
        "中继不让该客户端进来。" + _SAYS_ZH,
        "在中继上查看谁被拒绝，并放行它：`tailhub allow pending`\n"
        "如果你的所有设备都被拒绝，则是中继所询问的程序出了问题；在中继的机器上：`tailhub doctor --local`\n"
        "在设备上查看它的密钥，重新登录会改变它：`tailscale status --json`",
        "客户端说明身份后，中继马上关闭连接：它的密钥不在名单上，或者被询问密钥的程序没有应答。tailhub "
        "以外的中继也不给出原因。",
        "该客户端一再重新登录。以它为家的设备无法访问；`tailscale netcheck` 和 `tailscale debug derp` 却说一切正常。",
    ),
}

STEPS: dict[str, tuple[str, str]] = {
    "verifiers": ("verifiers", "验证程序"),
    "credentials": ("credentials", "凭据"),
    "duplicates": ("same keys", "重复密钥"),
    "own_client": ("own client", "本机客户端"),
}

REMARKS: dict[str, tuple[str, str]] = {
    # the checks on the relay
    "no_verifiers": ("nobody is asked about clients", "不就客户端询问任何人"),
    "verifier": ("{name}", "{name}"),
    "verifier_answers": ("{name} answers", "{name} 有应答"),
    "credential_until": ("{name}: good until {date}", "{name}：有效至 {date}"),
    "credential_stays": ("{name}: does not expire", "{name}：不会过期"),
    "no_duplicates": ("no key is connected twice", "没有密钥连接了两次"),
    "duplicates_passing": (
        "keys connected twice just now: {count}; a client whose network changes is so for a moment",
        "刚刚连接了两次的密钥：{count} 个；客户端换网络时会有片刻如此",
    ),
    "relay_does_not_say": ("the relay that runs does not say", "正在运行的中继没有说"),
    "no_relay_runs": ("no relay runs", "没有中继在运行"),
    "relay_not_asked": ("this user may not ask the relay", "当前用户无权询问中继"),
    "no_client_here": ("no Tailscale answers on this machine", "本机没有 Tailscale 应答"),
    "client_home_elsewhere": ("its home is {name}", "它的家是 {name}"),
    "client_at_home": ("its home is this relay, and it is connected", "它的家是这台中继，并且已连接"),
    "client_not_running": (
        "the Tailscale of this machine is not connected ({state})",
        "本机的 Tailscale 没有连接（{state}）",
    ),
    # what a client's log says, by kind of line
    "log_absent": ("the relay does not have a peer that is looked for there", "中继上没有要找的设备"),
    "log_closed_early": ("the connection is closed while TLS begins", "TLS 开始时连接被关闭"),
    "log_control": ("the client does not reach its control server", "客户端连不上控制服务器"),
    "log_cut": (
        "the connection is cut again and again, mostly after {seconds} s",
        "连接一再中断，多在 {seconds} 秒之后",
    ),
    "log_early": (
        "the certificate is not valid yet, or the client's clock is wrong",
        "证书尚未生效，或客户端的时钟不对",
    ),
    "log_ended": ("the relay, or somebody in between, ended the connection", "中继或中间的某处结束了连接"),
    "log_expired": ("the certificate has expired", "证书已过期"),
    "log_fell_silent": ("nothing came from the relay any more", "中继不再有任何数据"),
    "log_filtered": ("no answer from the relay's TCP port", "中继的 TCP 端口没有应答"),
    "log_gateway": ("a proxy answers that there is no relay behind it", "代理应答说背后没有中继"),
    "log_home_flaps": ("the client changes its home again and again", "客户端一再更换家"),
    "log_intercepted": ("a device of the network answers in the relay's place", "网络中的设备代替中继应答"),
    "log_issuer": ("the client does not trust the certificate's issuer", "客户端不信任证书的签发者"),
    "log_name": ("the name {host} does not resolve", "名称 {host} 解析不到"),
    "log_name_not_served": ("the server has no certificate for this name", "服务器没有该名称的证书"),
    "log_no_connection": ("the client has had no connection to its home for 10 s", "客户端已有 10 秒连不上家"),
    "log_no_home": ("the client reaches no relay at all", "客户端连不上任何中继"),
    "log_no_relay": ("the client's map has no relay in this region", "客户端的映射里该区域没有中继"),
    "log_no_tls": ("what speaks on the port is not TLS (plain HTTP, SSH …)", "端口上说的不是 TLS（明文 HTTP、SSH 等）"),
    "log_no_way": ("the client's machine knows no way there", "客户端的机器没有到那里的路由"),
    "log_not_let_in": (
        "the relay closes after the client has said who it is: it is not let in",
        "客户端说明身份后中继就关闭：不让它进",
    ),
    "log_offline": ("the client's network is down", "客户端的网络断了"),
    "log_old_tls": ("the server knows no TLS 1.2", "服务器不支持 TLS 1.2"),
    "log_other_error": ("an error that is not known here", "这里不认识的错误"),
    "log_other_name": ("the certificate is for another name", "证书是另一个名称的"),
    "log_page": (
        "a web page comes instead of the relay: somebody ate the upgrade",
        "来的是网页而不是中继：升级请求被吃掉了",
    ),
    "log_pin": ("the relay shows another certificate than the map pins", "中继出示的证书与映射里的指纹不符"),
    "log_pin_chain": (
        "the pinned certificate comes with others, which clients do not accept",
        "带指纹的证书还附有其他证书，客户端不接受",
    ),
    "log_pin_expired": ("the pinned certificate expired on {date}", "带指纹的证书已于 {date} 过期"),
    "log_pin_misspelt": ("CertName is a hash in a form that clients do not know", "CertName 的哈希写法客户端不认识"),
    "log_portal": ("the client's network wants a login in a browser first", "客户端的网络要求先在浏览器登录"),
    "log_proxy": ("the client's way leads through an HTTP proxy, which refuses", "客户端经过一个 HTTP 代理，被其拒绝"),
    "log_redefined": (
        "the map of this region changed, so the client connected anew",
        "该区域的映射变了，因此客户端重新连接",
    ),
    "log_refused": ("nobody listens on the relay's TCP port", "中继的 TCP 端口上没有程序监听"),
    "log_relay_says": ("the relay itself tells the client's user", "中继自己告诉客户端的用户"),
    "log_reset": ("the connection is reset while TLS begins", "TLS 开始时连接被重置"),
    "log_self_signed": (
        "a self-signed certificate that no pin in the map allows",
        "自签名证书，映射里没有允许它的指纹",
    ),
    "log_silent": ("the port accepts, and then says nothing", "端口接受连接，然后一言不发"),
    "log_udp": (
        "no STUN answer from any relay: UDP is blocked, or STUN is off",
        "没有任何中继应答 STUN：UDP 被拦，或 STUN 关闭",
    ),
    "log_unmeasured": (
        "a node without an address or with STUNPort -1 is not measured by UDP",
        "没有地址或 STUNPort 为 -1 的节点不以 UDP 测量",
    ),
    "log_unresolved": (
        "{host} did not resolve for measuring, which does no harm where the map has the address",
        "测量时 {host} 解析不到；映射里有地址时没有影响",
    ),
}
