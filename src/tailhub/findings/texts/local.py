"""What the findings of `tailhub.findings.local` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH415": Text(
        "What starts the relay has the flag `{flag}`, [[lacking?and no value behind it||which there is not]].\n"
        "[[near?Most like it is `{near}`.||`tailhub relay --help` lists those that there are.]]",
        "Correct the command line where it is written, in the unit or under `command:` in the compose file.\n"
        "Try it before the next start: `tailhub config check`",
        "A word was mistyped, or the command line was made for another version or another program.",
        "The relay refuses to start with it.",
    ),
    "TH416": Text(
        "STUN requests on UDP {port} are lost in this machine: [[lost?{lost} so far||the kernel has no room for "
        "them]].\n[[size?The socket's receive buffer has {size} bytes.||Nobody knows how large the receive buffer is.]]"
        "[[limit? The kernel allows at most {limit}.]]",
        "Let the kernel give more: `sudo sysctl -w net.core.rmem_max=4194304`\n"
        "Keep that over a reboot: `echo net.core.rmem_max=4194304 | sudo tee /etc/sysctl.d/90-tailhub.conf`\n"
        "Start the relay again, so that it asks for its buffer anew.",
        "Clients measure all at once, for example after a change of the map. What does not fit into the buffer is "
        "thrown away before the relay sees it. If it goes on with a large buffer, the machine is too slow.",
        "Clients miss answers to STUN, measure this relay as far away or dead, and may choose another one.",
    ),
    "TH417": Text(
        "The kernel's table of tracked connections is {percent} % full: {count} of {most} entries.",
        "Allow more: `sudo sysctl -w net.netfilter.nf_conntrack_max={better}`\n"
        "Keep that over a reboot: `echo net.netfilter.nf_conntrack_max={better} | sudo tee "
        "/etc/sysctl.d/91-tailhub.conf`",
        "The firewall, NAT or container engine of this machine has the kernel track each connection, and each STUN "
        "client is one for some 30 seconds. When the table is full, new connections are dropped without a word.",
        "When it is full, new clients and STUN requests get no answer, while those that are connected notice nothing.",
    ),
    "TH418": Text(
        "Nothing more can be written to the state directory {path}: the disk is full.\n"
        "[[inodes?All of its inodes are used: there are too many files.||No space is left on it.]]",
        "See what takes the room: `df -h {path!q}; df -i {path!q}`\n"
        "Make room there; often it is logs: `sudo journalctl --vacuum-size=200M`",
        "The relay keeps its key, certificate, usage and admissions there.",
        "Clients that are connected are served. Usage and admissions of now are lost at a restart, certificates cannot "
        "be renewed, and a relay without state cannot start.",
    ),
    "TH419": Text(
        "The disk of the state directory {path} is nearly full: "
        "[[inodes?{free} more files can be made.||{free} are free.]]",
        "See what takes the room, and make some: `df -h {path!q}; df -i {path!q}`",
        "The relay itself needs little; something else fills this disk.",
        "Nothing yet. When it is full, usage is no longer kept and certificates cannot be renewed.",
    ),
    "TH420": Text(
        "The state directory {path} can only be read, not written to.\n"
        "[[unit?The unit {unit} has `ProtectSystem=`, and names other directories as writable."
        "||[[mount?The file system at {mount} is mounted read-only.||Its file system is mounted read-only.]]]]",
        "[[unit?Let the service write there, `sudo systemctl edit {unit}`, with the lines `[Service]` and "
        "`ReadWritePaths={path}`.||See whether the kernel has switched it to read-only after a fault: "
        "`sudo dmesg | tail`]]\n"
        "[[unit?Start it again: `sudo systemctl restart {unit}`||Mount it for writing; a container is given it without "
        "`:ro`.]]",
        "[[unit?systemd takes from a service what its unit does not ask for.||A disk with faults is switched to "
        "read-only by the kernel; a volume may have been given to a container with `:ro`.]]",
        "The relay cannot start; one that runs forgets usage and admissions, and cannot renew its certificate.",
    ),
    "TH421": Text(
        "The firewall of this machine drops what comes to {ports}.\nIts rules, read now by {firewall}, let in other "
        "ports only.",
        "Open them: `{commands}`\nHave the rules survive a reboot, as your system does it.",
        "A rule refuses all that no rule before it lets in, and none is there for this port. A cloud's security group "
        "is a second wall, which cannot be seen from here.",
        "Nobody outside of this machine can use what is on these ports.",
    ),
    "TH422": Text(
        "This container has no IPv6[[interface?: {interface} has no address of it]].",
        "Best: `docker run --network host …`\nOr give its network IPv6 in the compose file: "
        "`enable_ipv6: true`\nNothing to do if your clients need none.",
        "Container engines give their networks IPv4 alone unless they are asked for more; with `sysctls` a container "
        "may have it switched off too.",
        "Clients use the relay over IPv4; those on networks with IPv6 alone cannot.",
    ),
    "TH423": Text(
        "The map that the relay hands out says TCP {port} at {address}, and nobody listens there.\nThe relay listens "
        "on port {listening} inside of its container.",
        "See what is published: `docker port NAME`\nSay the outer port to the relay: `tailhub relay --public-port "
        "PORT`, or `TAILHUB_PUBLIC_PORT` in the compose file.\n"
        "Give clients the new map: `tailhub derpmap`",
        "With `-p 8443:443` clients come to 8443, and inside the container only 443 can be seen.",
        "Clients that have this map cannot connect.",
    ),
    "TH424": Text(
        "tailscaled's firewall drops what this cloud sends from 100.64.0.0/10: {servers}.\nThe rule is `{rule}`.",
        "Let the cloud's own servers in before that rule: `sudo iptables -I INPUT -s {first} -j ACCEPT`\n"
        "For good, have tailscaled leave the firewall alone: `sudo tailscale set --netfilter-mode=off`",
        "Tailscale's addresses and those of the cloud's name servers, metadata and mirrors are from the same range. "
        "tailscaled drops whatever comes from it by another interface than its own.",
        "Names cannot be looked up and metadata cannot be read on this machine: certificates are not renewed, verify "
        "URLs and lists of devices fail.",
    ),
    "TH425": Text(
        "The relay that runs and the service {unit} keep their state in different places.\n"
        "The one that runs: {running}.\nThe service: {path}.",
        "To go on with the state that clients know, stop the one that runs, then: `sudo tailhub state export state.tar "
        "--state-dir {running!q} && sudo tailhub state import state.tar --state-dir {path!q}`\n"
        "Start the service: `sudo systemctl restart {unit}`",
        "It was tried out by hand, as another user, beside the service.",
        "Nothing yet. At the next start of the service the certificate is another one, and every client that pins it "
        "is cut off.",
    ),
    "TH426": Text(
        "{count} connections were ended by clients that do not accept this relay's certificate, and none is logged "
        "in.\n[[made?It was made on {made}.||When it was made is not known.]]",
        "See what it serves: `tailhub cert show`\nCompare with CertName in the map that clients have; it is another "
        "one if the relay lost its state or was moved without it.\nBring the old state back if you can; else give all "
        "clients the new map: `tailhub derpmap`",
        "The map that clients have pins another certificate, or names a host that this one is not for.",
        "These clients cannot use the relay. `tailscale netcheck` goes on saying all is well: it tests UDP only.",
    ),
    "TH427": Text(
        "The service {unit} is installed and does not run ({state}).\n"
        "[[reason?The last that it said: {reason}.||It has said nothing.]]",
        "Read why: `sudo journalctl -u {unit} -n 30 --no-pager`\nMend what it says, then: `sudo systemctl restart "
        "{unit}`",
        "It has ended with an error, was stopped, or was never started.",
        "Nobody can use this relay.",
    ),
    "TH428": Text(
        "The service {unit} cannot see {path}: its unit hides home directories (`ProtectHome=`).",
        "Put the file where services may look: `sudo install -D -m 600 -o tailhub {path!q} /etc/tailhub/`, and name "
        "that place in the configuration.\nOr let the service look into homes, `sudo systemctl edit {unit}`, with the "
        "lines `[Service]` and `ProtectHome=read-only`.",
        "systemd shows the service an empty directory in the place of /home, /root and /run/user. Whoever looks from a "
        "shell sees the file.",
        "The relay does not start, or serves an old certificate on.",
    ),
    "TH429": Text(
        "The relay may open {limit} files, too few for its clients.\n"
        "[[used?It has {used} open now.||It does not run yet.]][[clients? It is to serve {clients} clients.]]",
        "As a service, raise it: `sudo systemctl edit tailhub`, with the lines `[Service]` and "
        "`LimitNOFILE=1048576`.\nIn a container: `docker run --ulimit nofile=1048576 …`\n"
        "Then start the relay again.",
        "Each client is an open file. The limit is that of the process, set by whoever starts it.",
        "When they run out, no new client gets in; those that are connected are served.",
    ),
    "TH430": Text(
        "The relay runs and does not answer[[pid?: process {pid}]].\n"
        "The socket in {path} takes connections, and nothing came back.",
        "[[pid?See what it does, T means that somebody has stopped it: `ps -o pid,stat,pcpu,args -p {pid}`||See "
        "whether its container is paused: `docker ps`]]\n"
        "[[pid?Let a stopped one go on: `kill -CONT {pid}`||Let a paused one go on: `docker unpause NAME`]]\n"
        "[[unit?Otherwise start it again: `sudo systemctl restart {unit}`||Otherwise start it again.]]",
        "It was stopped (Ctrl-Z, a debugger, a paused container or machine), or it hangs, or this machine has no time "
        "for it.",
        "Who is connected hears nothing, and nobody can connect.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH415": Text(
        "启动中继的命令行里有 `{flag}`，[[lacking?后面却没有值||而没有这个选项]]。\n"
        "[[near?最接近的是 `{near}`。||`tailhub relay --help` 列出所有选项。]]",
        "请在写命令行的地方改正：systemd 单元里，或 compose 文件的 `command:` 下。\n"
        "下次启动前先检查：`tailhub config check`",
        "有一个词写错了，或这条命令行是为别的版本、别的程序写的。",
        "中继会拒绝启动。",
    ),
    "TH416": Text(
        "UDP {port} 上的 STUN 请求在本机丢失：[[lost?至今 {lost} 个||内核没有地方放它们]]。\n"
        "[[size?套接字的接收缓冲区是 {size} 字节。||接收缓冲区有多大不清楚。]][[limit?内核最多允许 {limit} 字节。]]",
        "让内核给得更多：`sudo sysctl -w net.core.rmem_max=4194304`\n"
        "重启后仍然有效：`echo net.core.rmem_max=4194304 | sudo tee /etc/sysctl.d/90-tailhub.conf`\n"
        "重新启动中继，它会重新申请缓冲区。",
        "客户端会同时测量，例如 map 改变之后。缓冲区放不下的请求在中继看到之前就被丢弃。"
        "如果缓冲区已经很大仍然如此，说明机器太慢。",
        "客户端收不到 STUN 应答，会认为这个中继很远或不可用，从而选择别的中继。",
    ),
    "TH417": Text(
        "内核的连接跟踪表已用 {percent} %：{most} 项中的 {count} 项。",
        "允许更多：`sudo sysctl -w net.netfilter.nf_conntrack_max={better}`\n"
        "重启后仍然有效：`echo net.netfilter.nf_conntrack_max={better} | sudo tee /etc/sysctl.d/91-tailhub.conf`",
        "本机的防火墙、NAT 或容器引擎让内核跟踪每一个连接，每个 STUN 客户端约占一项 30 秒。"
        "表满之后，新的连接会被悄悄丢弃。",
        "表满之后，新的客户端和 STUN 请求得不到应答，已经连上的客户端则毫无察觉。",
    ),
    "TH418": Text(
        "状态目录 {path} 不能再写入：磁盘已满。\n[[inodes?inode 已用完：文件太多。||没有剩余空间。]]",
        "查看空间用在哪里：`df -h {path!q}; df -i {path!q}`\n"
        "请腾出空间；常常是日志占用的：`sudo journalctl --vacuum-size=200M`",
        "中继的密钥、证书、用量和准入记录都在这里。",
        "已经连上的客户端不受影响。现在的用量和准入记录会在重启时丢失，证书无法续期，没有状态的中继无法启动。",
    ),
    "TH419": Text(
        "状态目录 {path} 所在的磁盘快满了：[[inodes?还能建立 {free} 个文件。||还剩 {free}。]]",
        "查看空间用在哪里，并腾出一些：`df -h {path!q}; df -i {path!q}`",
        "中继本身只需要很少的空间；是别的东西在占用这个磁盘。",
        "暂时没有影响。满了之后，用量不再记录，证书无法续期。",
    ),
    "TH420": Text(
        "状态目录 {path} 只能读，不能写。\n"
        "[[unit?单元 {unit} 里有 `ProtectSystem=`，允许写入的目录不包括这里。"
        "||[[mount?{mount} 的文件系统是只读挂载的。||它的文件系统是只读挂载的。]]]]",
        "[[unit?允许服务写入，`sudo systemctl edit {unit}`，写 `[Service]` 和 `ReadWritePaths={path}` 两行。"
        "||看看是否因为故障被内核改成了只读：`sudo dmesg | tail`]]\n"
        "[[unit?重新启动它：`sudo systemctl restart {unit}`||以可写方式挂载；交给容器时去掉 `:ro`。]]",
        "[[unit?单元没有要求的权限，systemd 不会给服务。||磁盘有故障时内核会把它改成只读；"
        "卷也可能是带着 `:ro` 交给容器的。]]",
        "中继无法启动；正在运行的会丢失用量和准入记录，也无法续期证书。",
    ),
    "TH421": Text(
        "本机的防火墙丢弃发往 {ports} 的数据。\n刚刚从 {firewall} 读到的规则只放行别的端口。",
        "放行它们：`{commands}`\n请按你的系统的办法让规则在重启后仍然有效。",
        "有一条规则拒绝前面没有放行的一切，而这个端口没有放行规则。云的安全组是另一道墙，从这里看不到。",
        "本机之外没有人能使用这些端口上的服务。",
    ),
    "TH422": Text(
        "这个容器没有 IPv6[[interface?：{interface} 上没有 IPv6 地址]]。",
        "最好：`docker run --network host …`\n"
        "或在 compose 文件里给它的网络加上 IPv6：`enable_ipv6: true`\n"
        "如果客户端用不到，不必处理。",
        "容器引擎默认只给网络 IPv4；`sysctls` 也可能在容器里关闭了 IPv6。",
        "客户端通过 IPv4 使用中继；只有 IPv6 的网络里的客户端不能使用。",
    ),
    "TH423": Text(
        "中继给出的 map 写的是 {address} 的 TCP {port}，而那里没有程序监听。\n中继在容器里监听端口 {listening}。",
        "查看对外发布的端口：`docker port NAME`\n"
        "把外部端口告诉中继：`tailhub relay --public-port PORT`，或在 compose 文件里写 "
        "`TAILHUB_PUBLIC_PORT`。\n把新的 map 交给客户端：`tailhub derpmap`",
        "用 `-p 8443:443` 时客户端连的是 8443，而容器里只能看到 443。",
        "拿到这份 map 的客户端无法连接。",
    ),
    "TH424": Text(
        "tailscaled 的防火墙丢弃这个云从 100.64.0.0/10 发来的数据：{servers}。\n这条规则是 `{rule}`。",
        "在那条规则之前放行云自己的服务器：`sudo iptables -I INPUT -s {first} -j ACCEPT`\n"
        "要长期有效，让 tailscaled 不管理防火墙：`sudo tailscale set --netfilter-mode=off`",
        "Tailscale 的地址与这个云的域名服务器、元数据和镜像源的地址属于同一段。"
        "从其他网卡来的这一段地址，tailscaled 一律丢弃。",
        "本机无法解析域名，也读不到元数据：证书不会续期，验证 URL 和设备列表都会失败。",
    ),
    "TH425": Text(
        "正在运行的中继和服务 {unit} 的状态在不同的地方。\n正在运行的：{running}。\n服务的：{path}。",
        "要沿用客户端认识的状态，先停掉正在运行的，然后：`sudo tailhub state export state.tar --state-dir {running!q} "
        "&& sudo tailhub state import state.tar --state-dir {path!q}`\n启动服务：`sudo systemctl restart {unit}`",
        "除了服务之外，有人用另一个用户手动试运行了中继。",
        "暂时没有影响。服务下次启动时证书会不同，锁定证书的客户端都会断开。",
    ),
    "TH426": Text(
        "有 {count} 个连接被不接受本中继证书的客户端断开，并且没有客户端登录成功。\n"
        "[[made?证书是 {made} 生成的。||证书生成于何时不清楚。]]",
        "查看它提供的证书：`tailhub cert show`\n"
        "与客户端手里的 map 中的 CertName 比较；如果中继丢失了状态或搬迁时没有带上，两者会不同。\n"
        "能恢复原来的状态就恢复；否则把新的 map 交给所有客户端：`tailhub derpmap`",
        "客户端的 map 锁定的是另一张证书，或写的是这张证书不包含的域名。",
        "这些客户端不能使用中继。`tailscale netcheck` 仍然显示一切正常：它只测 UDP。",
    ),
    "TH427": Text(
        "服务 {unit} 已安装，但没有运行（{state}）。\n[[reason?它最后说的是：{reason}。||它什么也没有说。]]",
        "查看原因：`sudo journalctl -u {unit} -n 30 --no-pager`\n改正之后：`sudo systemctl restart {unit}`",
        "它因错误退出、被停掉，或从未启动。",
        "没有人能使用这个中继。",
    ),
    "TH428": Text(
        "服务 {unit} 看不到 {path}：它的单元隐藏了用户目录（`ProtectHome=`）。",
        "把文件放到服务能看到的地方：`sudo install -D -m 600 -o tailhub {path!q} /etc/tailhub/`，"
        "并在配置里写上新的位置。\n"
        "或允许服务查看用户目录，`sudo systemctl edit {unit}`，写 `[Service]` 和 `ProtectHome=read-only` 两行。",
        "systemd 让服务看到的 /home、/root 和 /run/user 都是空的。从终端里看，文件是在的。",
        "中继无法启动，或一直提供旧的证书。",
    ),
    "TH429": Text(
        "中继最多可打开 {limit} 个文件，不够客户端使用。\n"
        "[[used?现在已打开 {used} 个。||它还没有运行。]][[clients?要服务的客户端有 {clients} 个。]]",
        "作为服务，请提高限制：`sudo systemctl edit tailhub`，写 `[Service]` 和 `LimitNOFILE=1048576` 两行。\n"
        "在容器里：`docker run --ulimit nofile=1048576 …`\n然后重新启动中继。",
        "每个客户端是一个打开的文件。限制属于进程，由启动它的程序决定。",
        "用完之后，新的客户端进不来；已经连上的不受影响。",
    ),
    "TH430": Text(
        "中继在运行，但没有应答[[pid?：进程 {pid}]]。\n{path} 里的套接字接受连接，却没有返回任何内容。",
        "[[pid?看看它在做什么，T 表示它被暂停了：`ps -o pid,stat,pcpu,args -p {pid}`||看看它的容器是否被暂停："
        "`docker ps`]]\n"
        "[[pid?让被暂停的进程继续：`kill -CONT {pid}`||让被暂停的容器继续：`docker unpause NAME`]]\n"
        "[[unit?否则重新启动它：`sudo systemctl restart {unit}`||否则重新启动它。]]",
        "它被暂停了（Ctrl-Z、调试器、被暂停的容器或虚拟机），或者它卡住了，或者这台机器没有时间运行它。",
        "已连接的客户端收不到任何数据，新的客户端也连不上。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "config_file": ("{file}[[unit?, by the service {unit}]]", "{file}[[unit?，由服务 {unit} 使用]]"),
    "config_none": (
        "no file, only flags and variables[[unit? of the service {unit}]]",
        "没有文件，只有[[unit?服务 {unit} 的]]选项和变量",
    ),
    "config_closed": (
        "only root [[account?and {account} ]]may read it: `sudo tailhub doctor --local`",
        "只有 root[[account? 和 {account}]] 能读取：`sudo tailhub doctor --local`",
    ),
    "settings_unknown": ("what the settings say is not known", "不知道配置的内容"),
    "service_up": ("{unit}: {state}", "{unit}：{state}"),
    "relay_up": ("tailhub {version} answers", "tailhub {version} 有应答"),
    "relay_none": (
        "none answers in {path}; this is how it would be started[[others?; others run with {others}: name one with "
        "`--state-dir DIR`]]",
        "{path} 里没有运行中的中继；以下是启动时的情况"
        "[[others?；另有中继在 {others} 运行：可用 `--state-dir DIR` 指定]]",
    ),
    "relay_contained": (
        "none answers in {path}, but one runs in a container: ask there, `docker exec NAME tailhub doctor --local`",
        "{path} 里没有运行中的中继，但有一个在容器里运行：请在那里检查，`docker exec NAME tailhub doctor --local`",
    ),
    "relay_hidden": ("this user may not ask the one in {path}", "当前用户无权询问 {path} 里的中继"),
    "clients_here": (
        "{clients} here now, {logins} logins since it was started",
        "现有 {clients} 个，启动以来登录 {logins} 次",
    ),
    "state_here": ("{path}", "{path}"),
    "state_new": ("{path} is made at the first start", "{path} 在首次启动时建立"),
    "state_hidden": ("this user may not look into it", "当前用户无权查看"),
    "disk_free": ("{free} free", "剩余 {free}"),
    "port_wanted": ("{protocol} {listen}", "{protocol} {listen}"),
    "port_ours": ("{protocol} {listen}: the relay has it", "{protocol} {listen}：中继正在使用"),
    "port_free": ("{protocol} {listen}: free", "{protocol} {listen}：空闲"),
    "certificate_at": ("at {listen}[[place?, from {place}]]", "{listen}[[place?，来自 {place}]]"),
    "certificate_none": ("no TLS at {listen}", "{listen} 没有 TLS"),
    "certificate_hidden": ("this user may not look at {place}", "当前用户无权查看 {place}"),
    "certificate_to_come": ("{place} is made at the first start", "{place} 在首次启动时生成"),
    "certificate_good": ("{place}, valid to {day}, {days} days", "{place}，有效期至 {day}，还有 {days} 天"),
    "files_limit": ("{used} of {limit} open", "{limit} 个中已打开 {used} 个"),
    "files_unknown": ("the limit cannot be seen", "看不到限制"),
    "receive_buffer": ("{size} bytes for STUN, {lost} requests lost", "STUN 有 {size} 字节，丢失请求 {lost} 个"),
    "table_used": ("{count} of {most} connections", "{most} 个连接中的 {count} 个"),
    "firewall_open": ("lets the relay's ports in", "放行中继的端口"),
    "firewall_loopback": ("the relay listens for this machine only", "中继只为本机监听"),
    "firewall_hidden": (
        "[[kind?{kind} is on; ]]only root may read the rules: `sudo tailhub doctor --local`",
        "[[kind?{kind} 已启用；]]只有 root 能读取规则：`sudo tailhub doctor --local`",
    ),
    "firewall_unclear": ("its rules depend on more than the port", "规则不只取决于端口"),
    "place_machine": ("no container", "不在容器里"),
    "place_container": (
        "a container ({engine}) with a network that clients can use",
        "容器（{engine}），网络可供客户端使用",
    ),
    "map_leads_here": ("leads to a relay: {places}", "指向一个中继：{places}"),
    "map_not_from_here": (
        "cannot be tried from this machine ({places}): try it from another one",
        "在本机上无法尝试（{places}）：请在另一台机器上尝试",
    ),
    "map_unknown": ("no address for clients is known yet", "还不知道供客户端使用的地址"),
    "cloud_open": ("{servers}: nothing of tailscaled's drops them", "{servers}：没有被 tailscaled 丢弃"),
    "cloud_hidden": (
        "{servers}: only root sees whether tailscaled drops them: `sudo tailhub doctor --local`",
        "{servers}：只有 root 能看到 tailscaled 是否丢弃它们：`sudo tailhub doctor --local`",
    ),
    "clock_kept": ("{now}, kept by a time server", "{now}，由时间服务器校准"),
    "clock_alone": ("{now}; the kernel knows of nobody who keeps it right", "{now}；内核不知道有谁在校准"),
    "clock_shows": ("{now}", "{now}"),
}

STEPS: dict[str, tuple[str, str]] = {
    "config": ("config", "配置"),
    "configuration": ("settings", "配置"),
    "service": ("service", "服务"),
    "relay": ("relay", "中继"),
    "running": ("relay", "中继"),
    "clients": ("clients", "客户端"),
    "state": ("state", "状态目录"),
    "disk": ("disk", "磁盘"),
    "ports": ("ports", "端口"),
    "listen": ("listen", "监听"),
    "http": ("http", "HTTP"),
    "stun": ("stun", "STUN"),
    "admin": ("admin", "管理页面"),
    "certificate": ("certificate", "证书"),
    "certificates": ("certificates", "证书"),
    "limits": ("limits", "系统限制"),
    "files": ("open files", "打开文件数"),
    "buffers": ("buffers", "缓冲区"),
    "conntrack": ("conntrack", "连接跟踪"),
    "firewall": ("firewall", "防火墙"),
    "network": ("network", "网络"),
    "place": ("place", "所在"),
    "map": ("map", "map"),
    "cloud": ("cloud", "云"),
    "clock": ("clock", "时钟"),
}
"""Names of steps, and of the parts while they are looked at."""
