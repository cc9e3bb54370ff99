"""What the findings of `tailhub.findings.map_faults` say. The last line of each `what` is where it stands."""

from __future__ import annotations

from typing import Final

from tailhub.findings.text import Text

_AT: Final = "\nIt stands in {origin}, line {line}, column {column}."
_AT_ZH: Final = "\n位置：{origin} 第 {line} 行第 {column} 列。"
_NODE: Final = "[[node?node {node} of region {region}||a node of region {region}]]"
_NODE_ZH: Final = "区域 {region} 的节点[[node? {node}]]"
_SET: Final = "`tailhub derpmap set {file!q} {region}[[node? --node {node!q}]] "
_SET_REGION: Final = "`tailhub derpmap set {file!q} {region} "
_COMPARE: Final = "Compare the pin on the relay first: `tailhub cert show`\n"
_COMPARE_ZH: Final = "请先在中继上核对指纹：`tailhub cert show`\n"

ENGLISH: dict[str, Text] = {
    "TH469": Text(
        "{name} stands twice in one object of the map." + _AT,
        "Take one of them out.",
        "One was probably pasted without the other being removed.",
        "Tailscale goes by the last one, silently; Headscale refuses a YAML file with it.",
    ),
    "TH470": Text(
        "Region {region} has no RegionID." + _AT,
        "Write the number that it has in Regions: " + _SET_REGION + "--region-id {region}`",
        "A region says its number twice, as its name in Regions and in RegionID. Here it does once.",
        "Tailscale may refuse the policy; clients that get such a map call the region 0.",
    ),
    "TH471": Text(
        "Region {region} calls itself {found} in RegionID." + _AT,
        "Write the same number in both places: " + _SET_REGION + "--region-id {region}`",
        "A region says its number twice, as its name in Regions and in RegionID: it was changed in one place only.",
        "Clients find the region under one number and tell each other the other one: peers then look for a relay that "
        "is not there.",
    ),
    "TH472": Text(
        "[[node?Node {node} of region {region}||A node of region {region}]] has no RegionID." + _AT,
        "Write that of its region: " + _SET_REGION + "--region-id {region}`",
        "Measurements are kept by the RegionID of the node that was measured.",
        "Connections work, but no client takes the region as its home: `tailscale netcheck` has no nearest DERP.",
    ),
    "TH473": Text(
        "[[node?Node {node} of region {region}||A node of region {region}]] says that it is in region {found}." + _AT,
        "Write the number of the region that it stands in: " + _SET_REGION + "--region-id {region}`",
        "Measurements are kept by the RegionID of the node that was measured; they count for another region here.",
        "Clients do not take this region as their home, or take it by what another one was measured.",
    ),
    "TH474": Text(
        "Region {region} has a number that is not kept free for users: expected 900 to 999." + _AT,
        "Give it a number that nobody has: " + _SET_REGION + "--region-id {free}`",
        "Tailscale keeps 900 to 999 for regions of one's own and may use any other number for its own.",
        "It works as long as Tailscale has no region of that number; from then on it takes that one's place.",
    ),
    "TH475": Text(
        "Region {region} has the number of one of Tailscale's own regions." + _AT,
        "Give it a number from 900 to 999: " + _SET_REGION + "--region-id {free}`\n"
        "If it shall take that region's place, leave it.",
        "A region in the policy takes the place of the default region of the same number.",
        "Clients lose that region of Tailscale's, and devices of others whose home it is cannot be reached by them.",
    ),
    "TH476": Text(
        f"The map has no STUNPort for {_NODE}, and nothing answers STUN at {{host}}, UDP 3478"
        "[[port?; UDP {port} answers]]." + _AT,
        "[[port?Write the port: "
        + _SET
        + "--stun-port {port}`||Write the port if it is another one: "
        + _SET
        + "--stun-port PORT`; else "
        "open UDP 3478 on the relay and in its cloud's security group.]]",
        "Without STUNPort clients ask at 3478. The relay's STUN was moved, or its port is not open.",
        "Clients cannot measure the region by UDP: they use HTTPS or ICMP, and rarely take it as their home.",
    ),
    "TH477": Text(
        f"STUN is switched off for {_NODE}: its STUNPort is -1." + _AT,
        "If the relay answers STUN, take it out: " + _SET + "--stun-port ''`",
        "Clients measure how far a region is by STUN. With -1 they do not ask it there.",
        "The region is never measured by UDP, so it is hardly ever chosen; a tailnet without another one has no UDP "
        "addresses either, so that direct connections fail.",
    ),
    "TH478": Text(
        "No node of region {region} relays: each is STUNOnly." + _AT,
        "Let one relay: "
        + _SET_REGION
        + "--stun-only ''`\nOr say that it is no home: "
        + _SET_REGION
        + "--no-measure-no-home true`",
        "STUNOnly says that a node answers STUN and nothing else.",
        "A client that takes the region as its home, being the nearest, has no relay: nobody reaches it.",
    ),
    "TH479": Text(
        f"The map has no DERPPort for {_NODE}, and no relay answers at {{host}}, TCP 443; one does at TCP {{port}}."
        + _AT,
        "Write the port: " + _SET + "--derp-port {port}`",
        "Without DERPPort clients connect to 443.",
        "No client can connect to it.",
    ),
    "TH480": Text(
        "Two nodes of the map are called {node}, this one of region {region} and another one." + _AT,
        "Give each node a name of its own in the whole map, such as {region}a and {region}b.",
        "Clients tell nodes apart by their names.",
        "One of the two counts for both when clients measure and reconnect.",
    ),
    "TH481": Text(
        f"HostName of {_NODE} is empty or missing." + _AT,
        "Write the relay's name or address: " + _SET + "--host-name derp.example.com`",
        "HostName is what clients connect to, and the name that they expect in the certificate; IPv4 and IPv6 only "
        "spare them DNS.",
        "No client can connect to it.",
    ),
    "TH482": Text(
        f"HostName of {_NODE} is a URL, {{found}}: expected a name alone." + _AT,
        "Write the name alone: " + _SET + "--host-name {host!q}`",
        "Clients put HostName into a URL themselves.",
        "No client can connect to it: there is no host of this name.",
    ),
    "TH483": Text(
        f"HostName of {_NODE} has a port in it, {{found}}: expected a name alone." + _AT,
        "Write them apart: " + _SET + "--host-name {host!q}[[port? --derp-port {port}]]`",
        "The port of a relay is in DERPPort; what stands behind a colon in HostName counts as part of the name.",
        "No client can connect to it: there is no host of this name.",
    ),
    "TH484": Text(
        f"HostName of {_NODE} is an address, {{found}}, and CertName is empty." + _AT,
        _COMPARE + "Then pin it: " + _SET + "--cert-name sha256-raw:…`",
        "Clients check no name then: they take every certificate that leads to a CA, whosever it is.",
        "With a self-signed certificate no client connects. With one from a CA it works, but whoever can redirect the "
        "address and has a certificate for any name can be in between.",
    ),
    "TH485": Text(
        f"CertName of {_NODE} is a name, {{found}}, other than its HostName, {{host}}." + _AT,
        "If the relay has a certificate for {host}, take it out: " + _SET + "--cert-name ''`\n"
        "If a pin was meant, compare on the relay first: `tailhub cert show`",
        "With a name in CertName clients expect a certificate of a CA for that name, not for HostName.",
        "Clients connect only if the relay's certificate is for {found}.",
    ),
    "TH486": Text(
        f"Both CertName and InsecureForTests are set for {_NODE}." + _AT,
        "Take the latter out: " + _SET + "--insecure-for-tests ''`",
        "CertName wins: clients check the certificate, and InsecureForTests does nothing.",
        "It works; whoever reads the map may think that the certificate is not checked, or take CertName out and be "
        "right.",
    ),
    "TH487": Text(
        "Region {region} is pinned by CertName: clients need Tailscale 1.84 or newer." + _AT,
        "Update older clients, or use a certificate of a CA.",
        "Older clients take the pin for a DNS name.",
        "Clients before 1.84 cannot connect to it: their log says that the certificate is not valid for any names.",
    ),
    "TH488": Text(
        "OmitDefaultRegions leaves one region, this one alone." + _AT,
        "Leave Tailscale's regions in: take omitDefaultRegions out.\nOr add a second region of your own, with "
        "`tailhub derpmap add`",
        "Clients have nothing to fall back on.",
        "While this relay is away no device reaches another one unless both have a direct path already.",
    ),
    "TH489": Text(
        "No region of the map is meant as a home: each has Avoid or NoMeasureNoHome." + _AT,
        "Take them out of one: `tailhub derpmap set {file!q} REGION --avoid '' --no-measure-no-home ''`",
        "OmitDefaultRegions takes all other regions away. [[is_measured?Avoid alone keeps no client from measuring a "
        "region and choosing it.||Clients measure no region that has NoMeasureNoHome; one that has measured none takes "
        "any.]]",
        "[[is_measured?Clients take the nearest of those with Avoid alone, as if it was not set; where UDP does not "
        "pass, they take any.||Each client has a home that it took at random, however far, and `tailscale netcheck` "
        "has no nearest DERP.]]",
    ),
    "TH490": Text(
        f"InsecureForTests is left on for {_NODE}: clients check no certificate." + _AT,
        "Give it a certificate of a CA, or pin the one that it has.\n"
        + _COMPARE
        + "Then: "
        + _SET
        + "--insecure-for-tests '' --cert-name sha256-raw:…`",
        "It was meant for a first try.",
        "It works, but whoever is in between can pose as the relay (not read what passes), and a certificate that "
        "changed goes unnoticed.",
    ),
    "TH491": Text(
        f"No relay answers at {{host}}, TCP {{found}}, which the map has for {_NODE}; one does at TCP {{port}}." + _AT,
        "Write the port that others use: " + _SET + "--derp-port {port}`\n"
        "If it is tailhub in a container, tell it too, and its map is right: `tailhub relay --public-port {port}`",
        "A container or a router maps one port to another one: the map must have the outer one.",
        "No client can connect to it.",
    ),
    "TH492": Text(
        f"CertName of {_NODE} is no pin that a certificate can have: {{found}}." + _AT,
        _COMPARE + "Then write it so: " + _SET + "--cert-name sha256-raw:…`",
        "A pin is sha256-raw: and 64 lower-case hexadecimal digits, without colons. Clients compare the text.",
        "No client can connect to it.",
    ),
    "TH493": Text(
        "{field} should be {expected}, found {found}." + _AT,
        "Write {expected} there.",
        "Clients and servers read the map into fixed types.",
        "With a wrong type the whole map is refused; with a wrong port or address the node cannot be reached by it.",
    ),
    "TH494": Text(
        "{field} is no field of a DERP map[[meant?; {meant} may be meant]]." + _AT,
        "[[meant?Write {meant}, exactly so.||Take it out.]]",
        "Fields that a program does not know are passed over without a word. In Headscale's YAML names are in lower "
        "case, in no other spelling.",
        "It has no effect: clients go on as if it were not there.",
    ),
    "TH495": Text(
        "[[region?Region {region}||A region]] is not whole: expected {field}." + _AT,
        "Add it there: each region has a number above 0 as its name and at least one node, each node has a name.",
        "It was begun, or part of it was taken out.",
        "Nobody can use the region; Tailscale may refuse the whole policy.",
    ),
    "TH496": Text(
        "[[is_headscale?Headscale drops HomeParams: the score of region {region} has no effect."
        "||The score of region {region} is not above 0 and has no effect.]]" + _AT,
        "[[is_headscale?Take it out; clients of a Headscale choose by latency alone."
        "||Write a factor: above 1 makes the region less wanted, below 1 more.]]",
        "A score multiplies the latency that a client has measured; what is left out is 1.",
        "Clients choose their home as if it were not there.",
    ),
    "TH499": Text(
        "{field} is set for region {region}: it moves no client whose home this is already." + _AT,
        "To have clients leave, raise its score: " + _SET_REGION + "--score 1000`",
        "NoMeasureNoHome keeps clients from choosing the region anew; Avoid does not at their full checks, and is "
        "deprecated by Tailscale. A score of 1000 moves them within a second, without a lost packet; Headscale 0.29.2 "
        "drops scores.",
        "Clients with their home here stay until something else makes them choose again.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH469": Text(
        "map 的同一个对象里有两个 {name}。" + _AT_ZH,
        "请删掉其中一个。",
        "可能是粘贴了新的一份，却没有删掉旧的。",
        "Tailscale 以最后一个为准，而且不提示；Headscale 则会拒绝这样的 YAML 文件。",
    ),
    "TH470": Text(
        "区域 {region} 没有 RegionID。" + _AT_ZH,
        "请写上它在 Regions 里的编号：" + _SET_REGION + "--region-id {region}`",
        "区域的编号要写两处：它在 Regions 里的名称，以及 RegionID。这里只写了一处。",
        "Tailscale 可能拒绝这份策略；拿到这种 map 的客户端会把它当作 0 号区域。",
    ),
    "TH471": Text(
        "区域 {region} 的 RegionID 写的是 {found}。" + _AT_ZH,
        "请让两处的编号一致：" + _SET_REGION + "--region-id {region}`",
        "区域的编号要写两处：它在 Regions 里的名称，以及 RegionID。修改时只改了一处。",
        "客户端按一个编号找到区域，却把另一个编号告诉对方：对端会去找一台不存在的中继。",
    ),
    "TH472": Text(
        "区域 {region} 的节点[[node? {node}]] 没有 RegionID。" + _AT_ZH,
        "请写上所属区域的编号：" + _SET_REGION + "--region-id {region}`",
        "测量结果按被测节点的 RegionID 记录。",
        "连接正常，但没有客户端会把这个区域作为 home：`tailscale netcheck` 里没有最近的 DERP。",
    ),
    "TH473": Text(
        "区域 {region} 的节点[[node? {node}]] 自称属于区域 {found}。" + _AT_ZH,
        "请写它所在区域的编号：" + _SET_REGION + "--region-id {region}`",
        "测量结果按被测节点的 RegionID 记录，这里就记到了别的区域名下。",
        "客户端不会选这个区域作为 home，或者按别处的测量结果去选它。",
    ),
    "TH474": Text(
        "区域 {region} 的编号不在留给用户的范围内：应为 900 到 999。" + _AT_ZH,
        "请换一个没有人用的编号：" + _SET_REGION + "--region-id {free}`",
        "Tailscale 把 900 到 999 留给用户自建的区域，其他编号随时可能自用。",
        "在 Tailscale 没有这个编号的区域之前可以用；一旦有了，它就会顶替官方的那一个。",
    ),
    "TH475": Text(
        "区域 {region} 的编号属于 Tailscale 官方的一个区域。" + _AT_ZH,
        "请换成 900 到 999 之间的编号：" + _SET_REGION + "--region-id {free}`\n如果本意就是顶替那个区域，则不必改。",
        "策略里的区域会顶替编号相同的默认区域。",
        "客户端会失去官方的那个区域，以它为 home 的其他设备就联系不上了。",
    ),
    "TH476": Text(
        f"map 里没有写{_NODE_ZH} 的 STUNPort，而 {{host}} 的 UDP 3478 没有 STUN 应答"
        "[[port?；UDP {port} 有应答]]。" + _AT_ZH,
        "[[port?请写上端口：" + _SET + "--stun-port {port}`||如果端口不同，请写上：" + _SET + "--stun-port PORT`；"
        "否则请在中继和云控制台的安全组放行 UDP 3478。]]",
        "不写 STUNPort 时客户端使用 3478。中继的 STUN 换了端口，或者端口没有放行。",
        "客户端无法用 UDP 测量这个区域，只能用 HTTPS 或 ICMP，因此很少选它作为 home。",
    ),
    "TH477": Text(
        f"{_NODE_ZH} 关闭了 STUN：STUNPort 是 -1。" + _AT_ZH,
        "如果中继会应答 STUN，请删掉它：" + _SET + "--stun-port ''`",
        "客户端用 STUN 测量区域的远近；写成 -1 就不会测。",
        "这个区域从不被 UDP 测量，因此几乎不会被选中；如果 tailnet 没有别的区域，"
        "客户端也得不到自己的 UDP 地址，直连会失败。",
    ),
    "TH478": Text(
        "区域 {region} 没有一个节点会中继：全部是 STUNOnly。" + _AT_ZH,
        "让其中一个中继："
        + _SET_REGION
        + "--stun-only ''`\n或者声明它不能作为 home："
        + _SET_REGION
        + "--no-measure-no-home true`",
        "STUNOnly 表示节点只应答 STUN。",
        "客户端若因最近而选它作为 home，就没有中继可用：谁也联系不上这个客户端。",
    ),
    "TH479": Text(
        f"map 里没有写{_NODE_ZH} 的 DERPPort，而 {{host}} 的 TCP 443 上没有中继；TCP {{port}} 上有。" + _AT_ZH,
        "请写上端口：" + _SET + "--derp-port {port}`",
        "不写 DERPPort 时客户端连接 443。",
        "没有客户端能连上它。",
    ),
    "TH480": Text(
        "map 里有两个节点都叫 {node}：区域 {region} 的这一个和另一个。" + _AT_ZH,
        "请让每个节点的名称在整个 map 里唯一，例如 {region}a 和 {region}b。",
        "客户端按名称区分节点。",
        "测量和重连时，客户端会把两个节点当成一个。",
    ),
    "TH481": Text(
        f"{_NODE_ZH} 的 HostName 是空的或没有写。" + _AT_ZH,
        "请写上中继的域名或地址：" + _SET + "--host-name derp.example.com`",
        "客户端连接的就是 HostName，也要求证书上是这个名称；IPv4 和 IPv6 只是省去 DNS 查询。",
        "没有客户端能连上它。",
    ),
    "TH482": Text(
        f"{_NODE_ZH} 的 HostName 是一个 URL：{{found}}；应当只写名称。" + _AT_ZH,
        "请只写名称：" + _SET + "--host-name {host!q}`",
        "客户端会自己把 HostName 拼成 URL。",
        "没有客户端能连上它：不存在这个名称的主机。",
    ),
    "TH483": Text(
        f"{_NODE_ZH} 的 HostName 里带有端口：{{found}}；应当只写名称。" + _AT_ZH,
        "请分开写：" + _SET + "--host-name {host!q}[[port? --derp-port {port}]]`",
        "中继的端口写在 DERPPort 里；HostName 中冒号之后的部分会被当作名称的一部分。",
        "没有客户端能连上它：不存在这个名称的主机。",
    ),
    "TH484": Text(
        f"{_NODE_ZH} 的 HostName 是地址 {{found}}，而 CertName 是空的。" + _AT_ZH,
        _COMPARE_ZH + "然后锁定它：" + _SET + "--cert-name sha256-raw:…`",
        "此时客户端不核对名称：任何由 CA 签发的证书，不论是谁的，都会接受。",
        "自签名证书连不上。CA 证书可以用，但谁能劫持这个地址、又有任意一个域名的证书，谁就能插在中间。",
    ),
    "TH485": Text(
        f"{_NODE_ZH} 的 CertName 是名称 {{found}}，与它的 HostName {{host}} 不同。" + _AT_ZH,
        "如果中继有 {host} 的证书，请删掉它：" + _SET + "--cert-name ''`\n"
        "如果本意是写指纹，请先在中继上核对：`tailhub cert show`",
        "CertName 写名称时，客户端要求的是该名称的 CA 证书，而不是 HostName 的。",
        "只有中继的证书是 {found} 的，客户端才能连上。",
    ),
    "TH486": Text(
        f"{_NODE_ZH} 同时设置了 CertName 和 InsecureForTests。" + _AT_ZH,
        "请删掉后者：" + _SET + "--insecure-for-tests ''`",
        "以 CertName 为准：客户端会检查证书，InsecureForTests 不起作用。",
        "可以用；但读 map 的人会以为不检查证书，一旦删掉 CertName，就真的不检查了。",
    ),
    "TH487": Text(
        "区域 {region} 用 CertName 锁定了证书：客户端需要 Tailscale 1.84 或更新版本。" + _AT_ZH,
        "请更新旧客户端，或者改用 CA 签发的证书。",
        "旧客户端会把指纹当作 DNS 名称。",
        "1.84 之前的客户端连不上它：它们的日志说证书对任何名称都无效。",
    ),
    "TH488": Text(
        "OmitDefaultRegions 之后只剩这一个区域。" + _AT_ZH,
        "保留 Tailscale 的区域：删掉 omitDefaultRegions。\n或者再加一个自己的区域：`tailhub derpmap add`",
        "客户端没有后备可用。",
        "这台中继一停，除了已经直连的设备，谁也联系不上谁。",
    ),
    "TH489": Text(
        "map 里没有一个区域是用作 home 的：每个都设置了 Avoid 或 NoMeasureNoHome。" + _AT_ZH,
        "请从其中一个删掉：`tailhub derpmap set {file!q} REGION --avoid '' --no-measure-no-home ''`",
        "OmitDefaultRegions 去掉了其他所有区域。[[is_measured?只有 Avoid 的区域，客户端照样测量，也照样选用。"
        "||客户端不测量带有 NoMeasureNoHome 的区域；一个也没有测到时，就任选一个。]]",
        "[[is_measured?客户端选用其中最近的只有 Avoid 的区域，当它没有设置；UDP 不通时任选一个。"
        "||每个客户端的 home 都是随机选的，不论远近；`tailscale netcheck` 没有最近的 DERP。]]",
    ),
    "TH490": Text(
        f"{_NODE_ZH} 还开着 InsecureForTests：客户端不检查证书。" + _AT_ZH,
        "请换上 CA 签发的证书，或者锁定现有的证书。\n"
        + _COMPARE_ZH
        + "然后："
        + _SET
        + "--insecure-for-tests '' --cert-name sha256-raw:…`",
        "它本来只用于初次尝试。",
        "可以用，但中间人可以冒充这台中继（读不到经过的内容），证书换了也没有人察觉。",
    ),
    "TH491": Text(
        f"map 里{_NODE_ZH} 的端口是 {{host}} 的 TCP {{found}}，那里没有中继；TCP {{port}} 上有。" + _AT_ZH,
        "请写外部使用的端口：" + _SET + "--derp-port {port}`\n"
        "如果是容器里的 tailhub，也告诉它，它输出的 map 就对了：`tailhub relay --public-port {port}`",
        "容器或路由器把一个端口映射成了另一个：map 里要写外面的那个。",
        "没有客户端能连上它。",
    ),
    "TH492": Text(
        f"{_NODE_ZH} 的 CertName 不可能是任何证书的指纹：{{found}}。" + _AT_ZH,
        _COMPARE_ZH + "然后这样写：" + _SET + "--cert-name sha256-raw:…`",
        "指纹是 sha256-raw: 加 64 位小写十六进制数字，不带冒号。客户端比较的是文本。",
        "没有客户端能连上它。",
    ),
    "TH493": Text(
        "{field} 应为 {expected}，实际是 {found}。" + _AT_ZH,
        "请在那里写 {expected}。",
        "客户端和服务器按固定的类型读取 map。",
        "类型不对，整个 map 都会被拒绝；端口或地址不对，就无法用它联系该节点。",
    ),
    "TH494": Text(
        "{field} 不是 DERP map 的字段[[meant?；可能是想写 {meant}]]。" + _AT_ZH,
        "[[meant?请写成 {meant}，一字不差。||请删掉它。]]",
        "程序会悄悄跳过不认识的字段。在 Headscale 的 YAML 里，名称只能全部小写。",
        "它不起作用：客户端当它不存在。",
    ),
    "TH495": Text(
        "[[region?区域 {region}||有一个区域]] 不完整：缺少 {field}。" + _AT_ZH,
        "请补上：每个区域以大于 0 的编号为名，至少有一个节点，每个节点都有名称。",
        "可能是没有写完，或者删掉了一部分。",
        "没有人能使用这个区域；Tailscale 可能拒绝整份策略。",
    ),
    "TH496": Text(
        "[[is_headscale?Headscale 会丢弃 HomeParams：区域 {region} 的 score 不起作用。"
        "||区域 {region} 的 score 不大于 0，不起作用。]]" + _AT_ZH,
        "[[is_headscale?请删掉它；Headscale 的客户端只按延迟选择。"
        "||请写一个倍数：大于 1 使区域更不受欢迎，小于 1 更受欢迎。]]",
        "score 会乘到客户端测得的延迟上；不写就是 1。",
        "客户端选择 home 时当它不存在。",
    ),
    "TH499": Text(
        "区域 {region} 设置了 {field}：已经以它为 home 的客户端不会离开。" + _AT_ZH,
        "要让客户端离开，请提高它的 score：" + _SET_REGION + "--score 1000`",
        "NoMeasureNoHome 只是不让客户端重新选中它；Avoid 在完整检查时不起作用，Tailscale 也已不推荐使用。score 写 1000 "
        "能让它们在一秒内离开，一个包也不丢；但 Headscale 0.29.2 会丢弃 score。",
        "已经以它为 home 的客户端会一直留下，直到别的事情让它们重新选择。",
    ),
}
