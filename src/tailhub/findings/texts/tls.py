"""What the findings of `tailhub.findings.tls` say."""

from __future__ import annotations

from tailhub.findings.text import Text

_NGINX = (
    '`proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; '
    "proxy_read_timeout 1h;`"
)
_APACHE = "`ProxyPass / http://127.0.0.1:8080/ upgrade=ANY`"
_FILES = "`docs/how-to/behind-a-web-server.md`"

ENGLISH: dict[str, Text] = {
    "TH014": Text(
        "Clients reach the relay but refuse its certificate: [[is_only_form?the map's pin is not written as they "
        "compare it||it is not the one that the map pins]].\n"
        "The map pins {expected}.\n"
        "The relay shows {found}, made {made}.",
        "[[is_only_form?Only the writing differs: clients take `sha256-raw:` and 64 lower-case digits, nothing else."
        "||Compare on the relay first, where nobody stands between: `tailhub cert show`]]\n"
        "[[is_only_form?Write it into the map so||If it is the relay's own, put it into every client's map as "
        "CertName]]: "
        "[[region?`tailhub derpmap set {origin!q} {region} --cert-name {found}`||`{found}`]]\n"
        "[[is_only_form?||If the relay has a new one because its state was lost, keep the state from now on "
        "(container: "
        "a volume at its state directory).]]\n"
        "[[is_only_form?||If the relay itself still has the map's, somebody on the way shows another: change nothing, "
        "and look from another network.]]",
        "[[is_only_form?Clients compare the text of the pin, letter by letter, and any other writing never matches."
        "||A relay that makes a new certificate has a new pin, mostly after a restart that did not find its state; or "
        "somebody between here and the relay answers in its place.]]",
        "Devices whose home is this relay cannot be reached through it. `tailscale netcheck` goes on saying that all "
        "is "
        "well: it asks over UDP only.",
    ),
    "TH015": Text(
        "The map pins the relay's certificate, and the relay shows {count} certificates: clients refuse that.\n"
        "[[is_other?Its own certificate, {found}, is not the pinned one either.||The first is the pinned one.]]",
        "If a CA that clients know has made it, take CertName out of the map: with the name as HostName clients need "
        "no "
        "pin.\n"
        "Else have the relay show its own certificate alone, from a file without the chain[[is_other?, and put that "
        "one's pin into the map after comparing it on the relay: `tailhub cert show`||.]]",
        "A pin stands for one certificate. Clients take nothing beside it but the relay's meta certificate, so that a "
        "chain, as web servers need it, is refused.",
        "No client connects; its log says `unexpected multiple certs presented`.",
    ),
    "TH016": Text(
        "The pinned certificate has expired, on {date}: clients refuse it.",
        "Make a new one on the relay: `tailhub cert renew`\n"
        "Give every client the map with its pin, which that command tells, before the relay shows it.",
        "A pin does not replace the dates: clients look at both.",
        "No client connects any more; those that are connected stay until their connection ends.",
    ),
    "TH017": Text(
        "[[authority?The certificate of {authority}, in the chain that the relay shows,||The relay's certificate]] has "
        "expired, on {date}: clients refuse it.",
        "[[authority?Use the chain that the CA gives out today, of certbot for example `fullchain.pem`.||See why it "
        "was "
        "not renewed, on the relay: `tailhub cert show`]]\n"
        "Have the relay read the new files. tailhub does that by itself; derper and most web servers want a restart.",
        "Certificates of CAs are good for some months, and something renews them; that has stopped, or the relay has "
        "not read the new one.",
        "No client connects any more; those that are connected stay until their connection ends.",
    ),
    "TH018": Text(
        "The relay's certificate is valid from {date} only: until then clients refuse it.",
        "Look at the clock of the machine that made it, and set it: `timedatectl`\nThen make the certificate again.",
        "Its maker's clock was ahead. This machine's clock agrees with the relay's, or nobody told the time.",
        "No client connects until then.",
    ),
    "TH019": Text(
        "The relay's certificate expires on {date}, in {days} days.",
        "[[is_pinned?Make a new one beside it, and give clients its pin before the relay shows it: `tailhub cert renew`"
        "||See on the relay when it is to be renewed, and why it was not yet: `tailhub cert show`]]",
        "[[is_pinned?Nobody renews a pinned certificate by itself: a new one has a new pin, which has to reach every "
        "client first.||It is renewed weeks before, as a rule, so something may have stopped.]]",
        "Nothing yet. After that day no client connects.",
    ),
    "TH020": Text(
        "The clock of this machine seems to be wrong, and by it the relay's certificate is not valid.\n"
        "This machine says {here}.\n"
        "[[there?The relay says {there}, and then the certificate is valid.||The certificate was made later than "
        "that.]]",
        "Compare with a clock that you trust: `date -u`\n"
        "Set this machine's by the network: `sudo timedatectl set-ntp true`\n"
        "If this one was right, do both on the relay.",
        "Certificates have dates, and a client goes by its own clock. A machine without a battery, or one that was "
        "asleep, may be years off.",
        "Clients on this machine connect to no relay, and to little else. Others are not affected, if their clocks "
        "are right.",
    ),
    "TH021": Text(
        "The relay's certificate is not for {name}: clients refuse it.\n"
        "[[names?It is for {names}.||It is for no name at all.]][[is_common_name? The name stands in its CN, which "
        "clients do not look at: it has to be a subject alternative name.]]",
        "Get a certificate for {name}; of tailhub's own: `tailhub cert renew --hostname {name}`\n"
        "Or have the map say a name that it has: as HostName, or as CertName where clients dial an address.",
        "Clients look for the name that the map tells them, HostName or else CertName, among the certificate's names.",
        "No client connects by that name.",
    ),
    "TH022": Text(
        "The relay does not show its whole chain: the certificate of {issuer} is missing.\n"
        "It shows [[several?{count} certificates||one certificate]]; what is between the last of them and the CA has "
        "to be shown too.",
        "Give the relay the file with the whole chain, of certbot and most others `fullchain.pem` instead of "
        "`cert.pem`.\n"
        "Look at it: `openssl s_client -showcerts -connect HOST:PORT -servername NAME`",
        "A CA signs with an intermediate certificate, which the server has to send. Browsers, macOS and Windows may "
        "fetch it or have it already; Tailscale on Linux does not.",
        "Clients on some systems connect, all others say `certificate signed by unknown authority`.",
    ),
    "TH023": Text(
        "The relay shows a self-signed certificate, and the map does not pin it: clients refuse it.\n"
        "It is {pin}[[common_name?, of {common_name}]].",
        "Compare on the relay first: `tailhub cert show`\n"
        "If it is the same, put it into the map as CertName of the node: `{pin}`",
        "Nobody vouches for a self-signed certificate; with its pin in the map clients know it anyway. Pins need "
        "Tailscale 1.84 or newer.",
        "No client connects; its log says `certificate signed by unknown authority`.",
    ),
    "TH024": Text(
        "The relay, or what stands before it, speaks no newer TLS than {version}: clients want 1.2 at least.",
        "Allow new versions; nginx: `ssl_protocols TLSv1.2 TLSv1.3;`\nIf it knows none, it is too old: update it.",
        "The server's settings or its TLS library are years old.",
        "No client connects; its log says `protocol version not supported`.",
    ),
    "TH025": Text(
        "The relay works, but shows no meta certificate: as a rule a proxy ends TLS in front of "
        "it[[front? ({front})]].",
        f"Nothing has to be done.\nTo spare the round trip, pass TCP on by name instead of ending TLS, as in {_FILES}.",
        "A relay that ends TLS itself shows its DERP key there, and clients log in without waiting for an HTTP "
        "answer. Headscale's built-in relay has none either.",
        "Each connect takes one round trip more. Packets are as fast as ever.",
    ),
    "TH026": Text(
        "At {target} another web server answers, not a relay.\n"
        "[[server?It calls itself {server}, and||It]] answers `GET /derp` with {status}[[title?: {title}]].",
        "See which program has the port, on that machine: `sudo ss -ltnp`\n"
        "[[bt?In the panel bind the relay's name to a site with a reverse proxy to the relay, or give the relay "
        "another "
        "port, and that port to the map as DERPPort.]]\n"
        f"[[proxy?Have it pass the relay's name on, as in {_FILES}, or give the relay another port, and that port to "
        "the map as DERPPort.]]\n"
        "[[cloudflare?Switch the name to DNS only (grey cloud) at Cloudflare, so that it leads to the relay itself.]]\n"
        "If the address is another machine's, correct HostName, IPv4 and IPv6 in the map.",
        "The port belongs to a web server that knows nothing of the relay, or knows it by another name; or the address "
        "is another machine's.",
        "No client connects to this relay.",
    ),
    "TH027": Text(
        "The relay is there, but what stands before it does not pass the upgrade of `/derp` on.\n"
        "[[server?It calls itself {server}, and||It]] answers with {status}[[title?: {title}]] instead of 101; plain "
        "pages come from the relay.",
        f"[[nginx?In nginx, in the `location` that passes to the relay: {_NGINX}]]\n"
        f"[[bt?In the panel, in the site's reverse proxy, its configuration file, within `location`: {_NGINX}]]\n"
        "[[haproxy?HAProxy passes upgrades on by itself: take out what deletes the headers Upgrade and Connection, and "
        "`proto h2` at the server; in `defaults` add `timeout tunnel 1h`]]\n"
        "[[caddy?Caddy's `reverse_proxy` passes upgrades on by itself: take out `header_up` for Upgrade and "
        "Connection, "
        "and use `http://`, not `h2c://`, to the relay.]]\n"
        "[[traefik?Traefik passes upgrades on by itself: take out middlewares that change the headers Upgrade and "
        "Connection, and use `http://`, not `h2c://`, to the relay.]]\n"
        f"[[apache?In Apache 2.4.47 or newer: {_APACHE}]]\n"
        "[[cloudflare?Cloudflare passes WebSocket on and no other upgrade: switch the name to DNS only (grey "
        "cloud).]]\n"
        "[[unknown?It has to pass the headers Upgrade and Connection on, by HTTP/1.1; "
        f"nginx in its `location`: {_NGINX}]]\n"
        f"Whole files for each proxy are in {_FILES}.",
        "DERP begins as an HTTP request that asks for another protocol. A proxy that is not told so takes the "
        "request's "
        "headers Upgrade and Connection away.",
        "No client connects; its log says `GET failed` with the start of the page. `tailscale netcheck` says that all "
        "is well.",
    ),
    "TH028": Text(
        "A proxy answers, and says that nothing answers behind it.\n"
        "[[server?It calls itself {server}, and||It]] answers `GET /derp` with {status}[[title?: {title}]].",
        "See whether the relay runs, on its machine: `systemctl status tailhub`\n"
        "Compare the address that the proxy passes to with the one that the relay listens on: `sudo ss -ltnp`\n"
        "Where the relay speaks TLS itself the proxy has to use `https://`, else the relay needs `tls = false`.\n"
        "[[cloudflare?Switch the name to DNS only (grey cloud) at Cloudflare: it lets no relay through.]]",
        "The relay does not run, or the proxy looks for it at another address or port.",
        "No client connects to this relay.",
    ),
    "TH029": Text(
        "Several relays[[is_untried?||, which are not one mesh,]] answer at {target}: {count} in {connections} "
        "connections.\n"
        "Their keys are {keys}.",
        "Have one relay only behind the address, and give each other one a name or a port of its own, and its own node "
        "or region in the map.\n"
        "Or, with derper, make them a mesh, which passes packets from one to the other: `derper -mesh-with`\n"
        "[[is_untried?If they are one already all is well: whether they are could not be tried from here.]]",
        "A balancer, or a name with several addresses, leads each connection to whichever relay. Two devices that have "
        "come to different ones cannot reach each other there.",
        "Devices reach each other or not by chance, and that changes with each connection.",
    ),
    "TH390": Text(
        "The server refuses the name {name} in TLS[[answers_others?, and answers who asks for no name]].\n"
        "It says {reason}.",
        "Start the relay with that name; derper: `derper -hostname {name}`\n"
        "Or have the map's HostName say the name that the relay has.",
        "The server has no certificate for that name. derper serves the name of `-hostname` only, and answers any "
        "other "
        "with this alert.",
        "No client connects by that name.",
    ),
    "TH391": Text(
        "TCP connects to {target}, but no TLS handshake succeeds: [[silent?nothing is answered||[[closed?the "
        "connection is closed||"
        "{reason}]]]].",
        "Look at the log of the relay, or of what has the port: `journalctl -u tailhub`\n"
        "Look from another network too: if it works there, something on the way is against it.",
        "The server breaks the handshake off or says nothing, or somebody on the way does.",
        "No client connects.",
    ),
    "TH392": Text(
        "The relay's certificate is from {issuer}, a CA that this machine does not know.",
        "If that is a CA of your own: have each client's system trust it, or pin the certificate, which then has to "
        "be shown alone. Compare on the relay first: `tailhub cert show`\n"
        "If it is a public one, the relay lacks the chain between: give it `fullchain.pem` instead of `cert.pem`.\n"
        "To pin it, put this into the map as CertName: `{pin}`",
        "Clients go by the CAs of their system. One that they do not know vouches for nothing.",
        "Clients that do not have this CA refuse it; their log says `certificate signed by unknown authority`.",
    ),
    "TH393": Text(
        "The clocks of this machine and of the relay are far apart.\nThis machine says {here}, the relay {there}.",
        "See on both which one is wrong: `date -u`\nSet it by the network: `sudo timedatectl set-ntp true`",
        "Nobody sets one of the clocks. Certificates, keys that expire and logs all go by them.",
        "Nothing yet. With the next certificate clients may refuse the relay.",
    ),
    "TH394": Text(
        "Clients refuse the relay's certificate: [[reason?{reason}||it cannot be read]].",
        "Get another certificate, as most programs make them: P-256 or RSA with 2,048 bits, for servers, signed with "
        "SHA-256.",
        "Its key, its signature or what it says it may be used for does not fit a server.",
        "No client connects.",
    ),
    "TH395": Text(
        "The meta certificate is another relay's: clients log in with a key that the relay does not have.\n"
        "It says {meta_key}, and the relay says {server_key}.",
        "Take the last certificate, with a CN that begins with derpkey, out of the file that the proxy shows.\n"
        f"Let the relay end TLS itself, or use a certificate file without it, as in {_FILES}.",
        "Whoever ends TLS in front shows a copy of a relay's meta certificate, from before it had a new key, or of "
        "another relay.",
        "No client that starts fast logs in, which is all of today's; the relay says that the login's box does not "
        "open.",
    ),
    "TH396": Text(
        "TLS works at {target}, and `GET /derp` is not answered: [[silent?nothing comes||[[not_http?what comes is not "
        "HTTP||the connection is closed]]]].",
        "See which program has the port, on that machine: `sudo ss -ltnp`\n"
        "If it is the relay, look at its log: `journalctl -u tailhub`",
        "Something else than a relay speaks TLS there, or the relay hangs.",
        "No client connects; after 10 seconds they say `context deadline exceeded` or `EOF`.",
    ),
    "TH397": Text(
        "`/derp/latency-check` is answered with 101, as if it were the upgrade.",
        "Have whatever answers there upgrade `/derp` only; a relay answers that page with 200.",
        "Clients that cannot use UDP measure a relay by that page, and wait for ever for the end of such an answer.",
        "Clients in networks without UDP stay in the state `Starting`, and `tailscale netcheck` does not come back.",
    ),
    "TH398": Text(
        "The relay shows {count} certificates in turn, and the map pins one of them: clients refuse the others.\n"
        "They are {pins}.",
        "Have all that answers there show the same certificate, the pinned one: copy its files.\n"
        "Or give each its own node in the map, with its own pin, after comparing it there: `tailhub cert show`",
        "Something spreads connections over several servers, or over the addresses of one name, and each made a "
        "certificate of its own.",
        "Clients connect or do not by chance.",
    ),
    "TH399": Text(
        "A fast start is offered and does not work: the upgrade is answered in HTTP, and who starts fast waits for "
        "none.",
        "Take the last certificate, with a CN that begins with derpkey, out of the file that the proxy shows: clients "
        "then wait for the answer.\n"
        f"Or pass TCP on by name and let the relay end TLS itself, as in {_FILES}.",
        "Whoever ends TLS in front shows the relay's meta certificate, by which clients start fast; but a proxy "
        "wants an "
        "HTTP answer from the relay, and a fast start has none.",
        "No client of today logs in; older ones, which wait for the answer, do.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH014": Text(
        "客户端能连到中继，但拒绝它的证书：[[is_only_form?map 中指纹的写法与客户端比较的写法不同"
        "||不是 map 中锁定的那张]]。\n"
        "map 锁定的是 {expected}。\n"
        "中继出示的是 {found}，生成于 {made}。",
        "[[is_only_form?只是写法不同：客户端只接受 `sha256-raw:` 加 64 位小写十六进制数字。"
        "||先在中继上核对，那里中间没有别人：`tailhub cert show`]]\n"
        "[[is_only_form?请在 map 中这样写||如果确是中继自己的，把它写进所有客户端的 map 的 CertName]]："
        "[[region?`tailhub derpmap set {origin!q} {region} --cert-name {found}`||`{found}`]]\n"
        "[[is_only_form?||如果是因为状态丢失才换了新证书，今后请保留状态（容器：把卷挂到它的状态目录）。]]\n"
        "[[is_only_form?||如果中继自己仍是 map 里的那张，说明途中有人出示了另一张：什么都不要改，换个网络再看。]]",
        "[[is_only_form?客户端逐字比较指纹文本，换一种写法就永远对不上。"
        "||中继重新生成证书后指纹就变了，多半是重启时没找到原来的状态；也可能是途中有人冒充中继应答。]]",
        "以这台中继为 home 的设备无法通过它到达。`tailscale netcheck` 仍会显示一切正常：它只用 UDP 检测。",
    ),
    "TH015": Text(
        "map 锁定了中继的证书，而中继出示了 {count} 张证书：客户端会拒绝。\n"
        "[[is_other?它自己的证书 {found} 也不是被锁定的那张。||第一张就是被锁定的那张。]]",
        "如果它由客户端认识的 CA 签发，请从 map 中去掉 CertName：HostName 写域名即可，不需要指纹。\n"
        "否则让中继只出示自己的证书，使用不含证书链的文件[[is_other?，并在中继上核对之后把它的指纹写进 map："
        "`tailhub cert show`||。]]",
        "一个指纹只对应一张证书。除中继的 meta 证书外，客户端不接受任何其他证书，所以网站常用的证书链会被拒绝。",
        "所有客户端都连不上；其日志显示 `unexpected multiple certs presented`。",
    ),
    "TH016": Text(
        "被锁定的证书已于 {date} 过期：客户端会拒绝它。",
        "在中继上生成新证书：`tailhub cert renew`\n"
        "该命令会给出新指纹；先让所有客户端得到含新指纹的 map，再让中继出示新证书。",
        "有了指纹，日期照样要查：客户端两样都看。",
        "客户端再也连不上；已连接的会保持到连接结束。",
    ),
    "TH017": Text(
        "[[authority?中继出示的证书链中，{authority} 的证书||中继的证书]]已于 {date} 过期：客户端会拒绝它。",
        "[[authority?请使用 CA 现在提供的证书链，例如 certbot 的 `fullchain.pem`。||在中继上查看为什么没有续期："
        "`tailhub cert show`]]\n"
        "让中继读取新文件。tailhub 会自动读取；derper 和多数网站服务器需要重启。",
        "CA 的证书有效期只有几个月，靠某个程序续期；它已停止工作，或者中继没有读取新证书。",
        "客户端再也连不上；已连接的会保持到连接结束。",
    ),
    "TH018": Text(
        "中继的证书从 {date} 起才有效：在此之前客户端会拒绝它。",
        "检查生成证书的那台机器的时钟并校准：`timedatectl`\n然后重新生成证书。",
        "生成证书的机器时钟快了。本机时钟与中继一致，或者没有谁给出时间。",
        "到那时之前，所有客户端都连不上。",
    ),
    "TH019": Text(
        "中继的证书将于 {date} 过期，还有 {days} 天。",
        "[[is_pinned?在旧证书旁边生成新证书，并在中继出示它之前把新指纹交给客户端：`tailhub cert renew`"
        "||在中继上查看计划何时续期、为什么还没有续期：`tailhub cert show`]]",
        "[[is_pinned?被锁定的证书没有谁会自动续期：新证书的指纹会变，要先让所有客户端得到它。"
        "||通常会提前几周续期，所以可能有什么停了。]]",
        "目前没有影响。过了那天，所有客户端都连不上。",
    ),
    "TH020": Text(
        "本机的时钟似乎不对，按它来看，中继的证书不在有效期内。\n"
        "本机时间是 {here}。\n"
        "[[there?中继时间是 {there}，按这个时间证书有效。||证书是在那之后才生成的。]]",
        "与可信的时钟比较：`date -u`\n"
        "让本机通过网络校时：`sudo timedatectl set-ntp true`\n"
        "如果本机的时间是对的，就在中继上做这两步。",
        "证书有日期，客户端以自己的时钟为准。没有电池或休眠过的机器，时钟可能差上几年。",
        "本机上的客户端连不上任何中继，别的服务也大多连不上。其他机器只要时钟正确就不受影响。",
    ),
    "TH021": Text(
        "中继的证书不包含 {name}：客户端会拒绝它。\n"
        "[[names?它的名称是 {names}。||它没有任何名称。]][[is_common_name?该域名只写在 CN 里，客户端不看 CN："
        "必须写在 subject alternative name 里。]]",
        "申请包含 {name} 的证书；tailhub 自己的证书：`tailhub cert renew --hostname {name}`\n"
        "或在 map 中写证书里有的域名：写在 HostName，客户端按地址连接时写在 CertName。",
        "客户端按 map 中的名称（HostName，或 CertName）在证书的名称里查找。",
        "按该域名的客户端都连不上。",
    ),
    "TH022": Text(
        "中继没有出示完整的证书链：缺少 {issuer} 的证书。\n"
        "它出示了[[several? {count} 张||一张]]；从最后一张到 CA 之间的证书也必须出示。",
        "给中继含完整证书链的文件，certbot 等多数工具是 `fullchain.pem`，不是 `cert.pem`。\n"
        "查看：`openssl s_client -showcerts -connect HOST:PORT -servername NAME`",
        "CA 用中间证书签发，服务器必须把它一起发出。浏览器、macOS 和 Windows 也许会自行下载或已有缓存；"
        "Linux 上的 Tailscale 不会。",
        "某些系统的客户端能连上，其余都报 `certificate signed by unknown authority`。",
    ),
    "TH023": Text(
        "中继出示的是自签名证书，而 map 没有锁定它：客户端会拒绝。\n它是 {pin}[[common_name?，名称 {common_name}]]。",
        "先在中继上核对：`tailhub cert show`\n一致的话，把它写进 map 中该节点的 CertName：`{pin}`",
        "没有谁为自签名证书担保；map 里有它的指纹，客户端就能认得它。指纹需要 Tailscale 1.84 或更新版本。",
        "所有客户端都连不上；其日志显示 `certificate signed by unknown authority`。",
    ),
    "TH024": Text(
        "中继或它前面的程序最高只支持 TLS {version}：客户端至少要 1.2。",
        "启用新版本；nginx：`ssl_protocols TLSv1.2 TLSv1.3;`\n如果它不支持新版本，说明太旧了：请更新。",
        "服务器的设置或它的 TLS 库已是多年前的。",
        "所有客户端都连不上；其日志显示 `protocol version not supported`。",
    ),
    "TH025": Text(
        "中继工作正常，但没有出示 meta 证书：通常 TLS 由它前面的代理终结[[front?（{front}）]]。",
        f"不必处理。\n想省下这次往返，可以按域名转发 TCP 而不终结 TLS，见 {_FILES}。",
        "自己终结 TLS 的中继会在其中给出它的 DERP 公钥，客户端不必等待 HTTP 应答就能登录。"
        "Headscale 内置的中继也没有它。",
        "每次连接多一次往返。数据包的速度不受影响。",
    ),
    "TH026": Text(
        "在 {target} 应答的是另一个网站服务器，不是中继。\n"
        "[[server?它自称 {server}，||它]]对 `GET /derp` 的应答是 {status}[[title?：{title}]]。",
        "在那台机器上查看是哪个程序占用了端口：`sudo ss -ltnp`\n"
        "[[bt?在面板中把中继的域名绑定到一个站点，并反向代理到中继；"
        "或给中继换一个端口，并把它写进 map 的 DERPPort。]]\n"
        f"[[proxy?让它转发中继的域名，见 {_FILES}；或给中继换一个端口，并把它写进 map 的 DERPPort。]]\n"
        "[[cloudflare?在 Cloudflare 把该域名改为仅 DNS（灰色云朵），使它直接指向中继。]]\n"
        "如果地址是别的机器的，请改正 map 中的 HostName、IPv4 和 IPv6。",
        "端口属于一个不知道这台中继、或只知道它另一个域名的网站服务器；或者地址是别的机器的。",
        "所有客户端都连不上这台中继。",
    ),
    "TH027": Text(
        "中继在那里，但它前面的程序没有转发 `/derp` 的升级请求。\n"
        "[[server?它自称 {server}，||它]]应答的是 {status}[[title?：{title}]]，而不是 101；普通页面来自中继。",
        f"[[nginx?在 nginx 中转发到中继的 `location` 里写：{_NGINX}]]\n"
        f"[[bt?在面板里，打开该站点的反向代理配置文件，在 `location` 内写：{_NGINX}]]\n"
        "[[haproxy?HAProxy 本身会转发升级：请去掉删除 Upgrade 和 Connection 头的设置，以及 server 行的 `proto h2`；"
        "在 `defaults` 中加上 `timeout tunnel 1h`]]\n"
        "[[caddy?Caddy 的 `reverse_proxy` 本身会转发升级：请去掉针对 Upgrade 和 Connection 的 `header_up`，"
        "到中继要用 `http://`，不要用 `h2c://`。]]\n"
        "[[traefik?Traefik 本身会转发升级：请去掉改动 Upgrade 和 Connection 头的中间件，到中继要用 `http://`，"
        "不要用 `h2c://`。]]\n"
        f"[[apache?在 Apache 2.4.47 或更新版本中写：{_APACHE}]]\n"
        "[[cloudflare?Cloudflare 只转发 WebSocket，不转发其他升级：请把该域名改为仅 DNS（灰色云朵）。]]\n"
        "[[unknown?它必须用 HTTP/1.1 转发 Upgrade 和 Connection 头；"
        f"nginx 在 `location` 里写：{_NGINX}]]\n"
        f"各种代理的完整文件见 {_FILES}。",
        "DERP 以一个要求切换协议的 HTTP 请求开始。没有相应设置的代理会去掉请求中的 Upgrade 和 Connection 头。",
        "所有客户端都连不上；其日志显示 `GET failed` 和页面的开头。`tailscale netcheck` 却显示一切正常。",
    ),
    "TH028": Text(
        "应答的是一个代理，它说后面没有应答。\n"
        "[[server?它自称 {server}，||它]]对 `GET /derp` 的应答是 {status}[[title?：{title}]]。",
        "在中继的机器上查看它是否在运行：`systemctl status tailhub`\n"
        "对照代理转发到的地址和中继监听的地址：`sudo ss -ltnp`\n"
        "中继自己处理 TLS 时，代理要用 `https://`；否则中继需要 `tls = false`。\n"
        "[[cloudflare?在 Cloudflare 把该域名改为仅 DNS（灰色云朵）：它不放行任何中继。]]",
        "中继没有运行，或代理在别的地址或端口上找它。",
        "所有客户端都连不上这台中继。",
    ),
    "TH029": Text(
        "在 {target} 应答的是几台[[is_untried?||没有组成 mesh 的]]中继：{connections} 次连接遇到 {count} 台。\n"
        "它们的公钥是 {keys}。",
        "这个地址后面只留一台中继，其余各用自己的域名或端口，在 map 中各有自己的节点或区域。\n"
        "或（用 derper 时）让它们组成 mesh，彼此转发数据包：`derper -mesh-with`\n"
        "[[is_untried?如果它们已经是一个 mesh，则一切正常：从这里无法验证。]]",
        "负载均衡器，或有几个地址的域名，会把每个连接带到任意一台中继。连到不同中继的两台设备在那里互相不可达。",
        "设备之间能否互通全凭运气，而且每次连接都会变。",
    ),
    "TH390": Text(
        "服务器在 TLS 中拒绝域名 {name}[[answers_others?，却会应答不指明域名的连接]]。\n它的警报是 {reason}。",
        "用该域名启动中继；derper：`derper -hostname {name}`\n或在 map 的 HostName 中写中继现有的域名。",
        "服务器没有该域名的证书。derper 只服务 `-hostname` 指定的域名，对其他域名都回以这个警报。",
        "按该域名的客户端都连不上。",
    ),
    "TH391": Text(
        "TCP 能连到 {target}，但 TLS 握手都不成功：[[silent?没有应答||[[closed?连接被关闭||{reason}]]]]。",
        "查看中继（或占用该端口的程序）的日志：`journalctl -u tailhub`\n"
        "再从另一个网络看：如果那里正常，就是途中有什么在阻拦。",
        "服务器中断了握手或没有应答，也可能是途中的什么干的。",
        "所有客户端都连不上。",
    ),
    "TH392": Text(
        "中继的证书由 {issuer} 签发，本机不认识这个 CA。",
        "如果是你自己的 CA：让每台客户端的系统信任它，或锁定这张证书（那时必须单独出示）。先在中继上核对："
        "`tailhub cert show`\n"
        "如果是公共 CA，就是中继缺少中间的证书链：给它 `fullchain.pem`，不要用 `cert.pem`。\n"
        "要锁定它，把这个写进 map 的 CertName：`{pin}`",
        "客户端以系统里的 CA 为准。不认识的 CA 担保不了什么。",
        "没有这个 CA 的客户端会拒绝；其日志显示 `certificate signed by unknown authority`。",
    ),
    "TH393": Text(
        "本机与中继的时钟相差很多。\n本机时间是 {here}，中继时间是 {there}。",
        "在两边查看是哪个不对：`date -u`\n让它通过网络校时：`sudo timedatectl set-ntp true`",
        "其中一个时钟没有谁校准。证书、会过期的密钥和日志都以时钟为准。",
        "目前没有影响。换下一张证书时，客户端可能会拒绝中继。",
    ),
    "TH394": Text(
        "客户端拒绝中继的证书：[[reason?{reason}||证书无法读取]]。",
        "换一张多数程序都能生成的证书：P-256 或 2048 位 RSA，用途为服务器，用 SHA-256 签名。",
        "它的密钥、签名或声明的用途不适合服务器。",
        "所有客户端都连不上。",
    ),
    "TH395": Text(
        "meta 证书是另一台中继的：客户端登录用的公钥不是这台中继的。\n它写的是 {meta_key}，中继给出的是 {server_key}。",
        "从代理出示的证书文件里去掉最后一张，即 CN 以 derpkey 开头的那张。\n"
        f"让中继自己终结 TLS，或使用不含它的证书文件，见 {_FILES}。",
        "在前面终结 TLS 的程序出示了某台中继 meta 证书的副本：中继后来换了密钥，或那是另一台中继的。",
        "快速登录的客户端（如今全都是）登录不了；中继会说登录信息解不开。",
    ),
    "TH396": Text(
        "{target} 的 TLS 正常，但 `GET /derp` 没有应答：[[silent?什么都没有来||[[not_http?来的不是 HTTP"
        "||连接被关闭]]]]。",
        "在那台机器上查看是哪个程序占用了端口：`sudo ss -ltnp`\n如果是中继，查看它的日志：`journalctl -u tailhub`",
        "在那里讲 TLS 的不是中继，或者中继卡住了。",
        "所有客户端都连不上；10 秒后它们报 `context deadline exceeded` 或 `EOF`。",
    ),
    "TH397": Text(
        "`/derp/latency-check` 的应答是 101，好像它就是升级请求。",
        "让那里的程序只升级 `/derp`；中继对这个页面的应答是 200。",
        "不能用 UDP 的客户端靠这个页面测量中继，遇到这样的应答会永远等下去。",
        "没有 UDP 的网络里，客户端停在 `Starting` 状态，`tailscale netcheck` 也不会返回。",
    ),
    "TH398": Text(
        "中继轮流出示 {count} 张证书，而 map 只锁定了其中一张：客户端会拒绝其余的。\n它们是 {pins}。",
        "让那里应答的所有程序出示同一张证书，即被锁定的那张：把文件复制过去。\n"
        "或者在 map 中给每台各写一个节点和各自的指纹，先在那台机器上核对：`tailhub cert show`",
        "连接被分散到几台服务器，或分散到同一域名的几个地址，而它们各自生成了证书。",
        "客户端能否连上全凭运气。",
    ),
    "TH399": Text(
        "提供了快速登录却行不通：升级请求得到的是 HTTP 应答，而快速登录的客户端不等任何应答。",
        "从代理出示的证书文件里去掉最后一张，即 CN 以 derpkey 开头的那张：客户端就会等待应答。\n"
        f"或者按域名转发 TCP，由中继自己终结 TLS，见 {_FILES}。",
        "在前面终结 TLS 的程序出示了中继的 meta 证书，客户端据此快速登录；而代理要等中继的 HTTP 应答，"
        "快速登录没有应答。",
        "如今的客户端都登录不了；会等待应答的旧客户端可以。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "tls-shown": (
        "{version}, [[several?{count} certificates||one certificate]][[meta? and the meta certificate]]",
        "{version}，[[several?{count} 张证书||一张证书]][[meta?和 meta 证书]]",
    ),
    "tls-not-reached": ("nothing to speak TLS with", "没有可以建立 TLS 的连接"),
    "tls-dates-good": (
        "valid to {date}[[clock?, clock good]]",
        "有效期至 {date}[[clock?，时钟一致]]",
    ),
    "tls-certificate-unread": ("the certificate cannot be read", "证书无法读取"),
    "tls-pin-same": ("as in the map", "与 map 一致"),
    "tls-nothing-checked": (
        "works, unsafe: with InsecureForTests clients look at no certificate, and would not see a changed one; it "
        "shows {pin}",
        "能用，但不安全：有 InsecureForTests 时客户端不看证书，被换掉也不会发觉；现在出示的是 {pin}",
    ),
    "tls-vouched-for": ("[[names?for {names}, ]]from {issuer}", "[[names?名称 {names}，]]由 {issuer} 签发"),
    "tls-not-asked": ("it could not be checked: {reason}", "没能检查：{reason}"),
    "tls-no-authorities": (
        "from {issuer}; this machine has no CAs to check it by",
        "由 {issuer} 签发；本机没有可用来检查的 CA",
    ),
    "tls-pin-unknown": (
        "no CA's; no map says its pin. It shows {pin}: compare on the relay, `tailhub cert show`",
        "不是 CA 签发的；没有 map 给出指纹。出示的是 {pin}：请在中继上核对，`tailhub cert show`",
    ),
    "http-not-asked": ("there is no TLS to ask over", "没有可用来询问的 TLS 连接"),
    "http-upgraded": ("101, without fast start", "101，没有快速登录"),
    "http-upgraded-fast": ("101, fast start offered", "101，支持快速登录"),
    "http-upgraded-old": (
        "101, no fast start with TLS {version}",
        "101，TLS {version} 没有快速登录",
    ),
    "http-one-relay": ("the same in {count} connections", "{count} 次连接都是同一台"),
    "http-one-mesh": ("{count} behind this address, one mesh", "这个地址后面有 {count} 台，同一个 mesh"),
    "http-check-page": ("200, as clients without UDP need it", "200，没有 UDP 的客户端需要它"),
}

STEPS: dict[str, tuple[str, str]] = {
    "tls": ("tls", "TLS"),
    "dates": ("dates", "有效期"),
    "pin": ("pin", "指纹"),
    "certificate": ("certificate", "证书"),
    "upgrade": ("upgrade", "升级"),
    "relays": ("one relay", "同一台中继"),
    "check_page": ("check page", "检测页"),
}
