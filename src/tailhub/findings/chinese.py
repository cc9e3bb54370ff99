"""The texts of all findings in Chinese. The codes, values and commands are those of `tailhub.findings.english`."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "TH030": (
        "{protocol} 端口 {port} 已被占用[[program?：{program}（pid {pid}）||，当前用户无权查看是哪个程序]]。",
        "[[program?停掉它||用 `sudo ss {ss_flags} 'sport = :{port}'` 找到并停掉它]]，或改用"
        "[[free_port?空闲端口：`{flag:={host}:{free_port}}`||其他端口：`{flag:={host}:PORT}`]]。",
    ),
    "TH031": (
        "当前用户不能监听 {protocol} 端口 {port}：小号端口需要特权。",
        "改用大号端口（`{flag:={host}:[[free_port?{free_port}||PORT]]}`），或放行此端口："
        "`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`，或在 systemd 单元中写 "
        "`AmbientCapabilities=CAP_NET_BIND_SERVICE`，或 "
        "`sudo setcap cap_net_bind_service=+ep $(readlink -f {python!q})`（对该 Python 运行的所有程序都有效）。",
    ),
    "TH032": (
        "{flag}：{host} 不是本机的地址。",
        "[[private?仅供本机使用：`{flag:=127.0.0.1:{port}}`。"
        "||请监听本机全部地址：`{flag:=:{port}}`；如果外部通过 {host} 访问本机（云服务器的 NAT 即如此），再加上 "
        "`--address {host}`。]]",
    ),
    "TH033": (
        "{flag}：应为 HOST:PORT，实际是 `{text}`。",
        "[[suggestion?请写 `{flag:={suggestion}}`。]]"
        "[[quoted?引号成了值的一部分：在 compose 文件的列表里应写 `- NAME=VALUE`，不加引号。]]"
        "HOST 可以为空、`localhost`、IPv4 地址或带方括号的 IPv6 地址，PORT 是不超过 65535 的数字，或 `https`、`http`、"
        "`stun`，例如 `:8443`、`192.0.2.5:8443`、`[2001:db8::5]:8443`；`off` 表示关闭该监听。",
    ),
    "TH034": (
        "本机内核不支持 {family}，{flag} 只能使用另一种 IP 协议。",
        "如果客户端不需要 {family}，不必处理[[sysctl?；`sysctl {sysctl}` 可以看出它是否被关闭]]。",
    ),
    "TH035": (
        "无法监听 {text}（{flag}）：{reason}。",
        "[[unix?请移走占位的文件，或用 `--state-dir DIR` 换一个目录。"
        "||[[path?请建立它的目录，移走占位的文件，或换一个（更短的）路径：`{flag:=unix:/run/tailhub/relay.sock}`。"
        "||请用 `{flag:=HOST:PORT}` 换一个地址，或用 `{flag:=off}` 关闭它。]]]]",
    ),
    "TH036": (
        "本进程最多可打开 {limit} 个文件，大约够 {clients} 个客户端使用。",
        "需要更多时，请在启动前提高硬限制：systemd 单元中写 `LimitNOFILE=65536`，容器则加 `--ulimit nofile=65536`。",
    ),
    "TH037": (
        "--listen 和 --stun-listen 都已关闭：没有可做的事情。",
        "请至少保留一个：`--listen :8443` 提供中继，`--stun-listen :3478` 应答 STUN。",
    ),
    "TH040": (
        "状态目录 {path} 正被[[program? {program}||另一个运行中的中继]][[pid?（pid {pid}）]]使用。",
        "[[pid?停掉它（`kill {pid}`）||停掉它]]，或给这个中继另外的目录和端口："
        "`tailhub relay --state-dir DIR --listen :PORT --stun-listen :PORT --admin-listen off`。",
    ),
    "TH041": (
        "用户 {user} 不能写入状态目录 {path}[[mode?（权限 {mode}[[owner?，属主 {owner}]]）]]。",
        "[[container_user?请在运行此容器的机器上，把挂载到那里的目录交给它：`sudo chown -R {container_user} DIR`，"
        "或让容器自建卷：`docker run -v tailhub:{path} …`||"
        "[[mode?[[own?给属主加上权限：`chmod u+rwx {path!q}`||把目录交给该用户：`sudo chown -R {user!q} {path!q}`]]"
        "||请管理员创建：`sudo install -d -m 700 -o {user!q} {path!q}`]]，或另选目录："
        "`tailhub relay --state-dir DIR`]]。",
    ),
    "TH042": (
        "存放中继状态的 {path} 应为目录，实际不是。",
        "[[movable?移走它：`mv {path!q} {path!q}.old`，或]]另选目录：`tailhub relay --state-dir DIR`。",
    ),
    "TH043": (
        "状态目录 {path} 属于这个容器，会随容器一起消失：下一个容器的证书指纹会变，所有客户端都将断开。",
        "请放到容器外：`docker run -v tailhub:{path} …`，或在 compose 文件的 `volumes:` 下写 `- tailhub:{path}`。",
    ),
    "TH044": (
        "{other} 里有另一份状态，而本中继使用 {path}：两者的证书指纹不同。",
        "要沿用那一份：`tailhub relay --state-dir {other!q}`；要搬到这里，先停掉两个中继，再执行 `sudo cp -a "
        "{other!q}/. {path!q}/`。",
    ),
    "TH045": (
        '{path}：应为中继密钥，即 JSON `{{"PrivateKey": "privkey:<64 位十六进制>"}}`，'
        "实际不是[[reason?（{reason}）]]。",
        "请从备份恢复，或移走它以生成新密钥：`mv {path!q} {path!q}.old`（证书指纹不变；由密钥得出的区域编号会变）。",
    ),
    "TH046": (
        "用户 {user} 不能读取 {path}[[mode?（权限 {mode}[[owner?，属主 {owner}]]）]]。",
        "[[container_user?有两种办法。一是在运行此容器的机器上，让用户 {container_user} 能读取它："
        "`sudo setfacl -m u:{container_user}:r FILE`；如果没有其他程序用它，也可以 `sudo chown {container_user} FILE`"
        "（目录还需要 `x`）。二是让容器以 root 运行，只保留一项能力，在 compose 文件里写："
        '`user: "0:0"`、`cap_drop: [ALL]`、`cap_add: [DAC_OVERRIDE]`||'
        "请让该用户能读取它并能进入上级目录：`sudo setfacl -m u:{user}:r {path!q}`；如果没有其他程序用它，也可以 "
        "`sudo chown {user!q} {path!q}`]]。",
    ),
    "TH047": (
        "{option}：文件 {path} 不存在。",
        "请检查路径；相对路径从 {directory} 算起。",
    ),
    "TH048": (
        "{path}：应为 mesh 密钥（64 位十六进制），实际的 {length} 个字符不是。",
        "同一区域的所有中继共用一个：请从另一台中继复制，或用 `(umask 077; openssl rand -hex 32 > mesh.key)` 生成，"
        "再用 `--mesh-key-file mesh.key`。",
    ),
    "TH049": (
        "{path} 是机密文件，其他用户却可以读取（权限 {mode}）。",
        "`chmod 600 {path!q}`",
    ),
    "TH050": (
        "有 {present}，却没有 {missing}；不会自动重新生成，因为新证书的指纹不同，所有客户端都会断开。",
        "请从备份恢复 {missing}；或者接受新的指纹：`mv {present!q} {present!q}.old`，启动中继，再把 `tailhub derpmap` "
        "输出的 map 交给所有客户端。",
    ),
    "TH051": (
        "{key} 里的密钥与 {cert} 里的证书不匹配。",
        "请比较 `openssl x509 -noout -pubkey -in {cert!q}` 和 `openssl pkey -pubout -in {key!q}`，再用 "
        "`--cert FILE --key FILE` 指定成对的文件；证书文件中服务器证书要放在最前面。",
    ),
    "TH052": (
        "{path} 里的密钥有密码保护，而运行时没有人输入密码。",
        "请制作一份没有密码的副本：`(umask 077; openssl pkey -in {path!q} -out plain.key)`，再用 `--key plain.key`。",
    ),
    "TH053": (
        "{path}：应为 PEM（`-----BEGIN {label}-----`），实际"
        "[[empty?是空文件||[[found?是 `-----BEGIN {found}-----`||不是]]]]。",
        "[[empty?请从它的来源处重新取得。||[[found?也许 `--cert` 和 `--key` 写反了。"
        "||DER 可这样转换：`openssl {command} -inform der -in {path!q} -out new.pem`；PKCS#12："
        "`openssl pkcs12 -in {path!q} -nodes -out new.pem`。]]]]",
    ),
    "TH054": (
        "{path} 里的证书已于 {date} 过期，客户端会拒绝它。",
        "[[pinned?请生成新证书（指纹会变）：`mv {path!q} {path!q}.old; mv {key!q} {key!q}.old`，启动中继，再把 "
        "`tailhub derpmap` 输出的 map 交给所有客户端。||请在证书的来源处续期，然后重新启动中继；"
        "如果觉得日期不对，请用 `date` 检查时钟。]]",
    ),
    "TH055": (
        "{path} 里的证书从 {date} 起才有效，在此之前客户端会拒绝它。",
        "请检查本机时钟（`timedatectl`），再检查证书。",
    ),
    "TH056": (
        "{path} 里已被客户端锁定的证书将于 {date} 过期，还有 {days} 天。",
        "新证书的指纹会变，要先让所有客户端得到它：`tailhub cert renew` 会在旧证书旁边生成新证书，"
        "并说明如何不中断地切换。",
    ),
    "TH057": (
        "已被客户端锁定的证书 {path} 里有名称 {names}，没有 {host}：按该域名连接的客户端会拒绝它。"
        "含该域名的证书指纹会变。",
        "`tailhub cert renew --hostname {host}` 会在旧证书旁边生成新证书，并说明如何不中断地切换。",
    ),
    "TH058": (
        "{path} 里的证书[[names?只有名称 {names}||没有任何域名]]，没有 {host}：按该域名连接的客户端会拒绝它。",
        "[[names?请用证书里的名称：`--hostname NAME`，或者]]申请包含 {host} 的证书。",
    ),
    "TH059": (
        "文件 {path} 里只有中继自己的证书，没有到 CA 的证书链：不认识签发者 {issuer} 的客户端会拒绝它。",
        "请用带证书链的文件，例如 certbot 的 `fullchain.pem`，而不是 `cert.pem`。如果签发者是你自己的 CA，"
        "且所有客户端都信任它，不必处理。",
    ),
    "TH060": (
        "{option}：应为 900 到 999 之间的数，实际是 `{text}`。",
        "这些编号由 Tailscale 留给用户使用，例如 `{option:=947}`；不写时由中继密钥得出。",
    ),
    "TH061": (
        "{option}：应为外部可以连接的 IP 地址，实际是 `{text}`。",
        "例如 `{option:=203.0.113.7}` 或 `{option:=2001:db8::7}`，不带端口和方括号；域名请用 `--hostname`。",
    ),
    "TH062": (
        "{option}：应为域名，实际是 `{text}`。",
        "[[suggestion?请写 `{option:={suggestion}}`。||例如 `{option:=derp.example.com}`，不带协议、端口和路径"
        "[[is_host?；地址请用 `--address`]]。]]",
    ),
    "TH063": (
        "{option}：应为 `blank` 或网址，实际是 `{text}`。",
        "例如 `{option:=blank}` 或 `{option:=https://www.example.com/}`。",
    ),
    "TH064": (
        "{option}：应为 1 到 65535 之间的端口，实际是 `{text}`。",
        "例如 `{option:={example}}`。",
    ),
    "TH065": (
        "{option} 还需要 {missing}。",
        "请两个都写：`{option:={value}}` 和 `{missing:={missing_value}}`，或都不写。",
    ),
    "TH066": (
        "--lang：应为 `en` 或 `zh`，实际是 `{text}`。",
        "请写 `--lang en` 或 `--lang zh`；不写时由系统语言环境决定（LC_ALL、LC_MESSAGES、LANG）。",
    ),
    "TH067": (
        "{option}：最多一个 IPv4 地址和一个 IPv6 地址，实际是 {addresses}。",
        "请只保留客户端使用的那个：`{option:={first}}`。",
    ),
    "TH068": (
        "{one} 和 {other} 不能同时使用。",
        "请只写其中一个。",
    ),
    "TH069": (
        "[[unknown?没有 `{message}` 这个选项或命令[[near?；相近的有 {near}]]||[[lacking?`{message}` 需要一个值"
        "||[[extra?`{message}` 是多余的||命令行有误：{message}]]]]]]。",
        "`{command} --help` 会列出所有命令和选项。",
    ),
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
    "TH080": (
        "{path} 上没有中继应答[[reason?（{reason}）]]。",
        "请启动中继：`tailhub relay`，或指定它的状态目录，`--state-dir DIR`；请用运行它的用户执行。",
    ),
    "TH081": (
        "输出无法写入：{reason}。",
        "请在目标位置腾出空间，或输出到别处。",
    ),
    "TH082": (
        "`tailhub relay` 不能在 {platform} 上运行。",
        "它需要 Linux：小型服务器、容器或 WSL 均可。",
    ),
    "TH083": (
        "时钟显示 {now}，早于本版 tailhub 的发布日期（{built}）。",
        "请校准时钟：`sudo timedatectl set-ntp true`；证书是否有效取决于日期。",
    ),
    "TH084": (
        "{path}：{reason}。",
        "[[look?查看内容：`{look}`。||请检查磁盘和文件属主：`df {path!q}; ls -ld {path!q}`。]]",
    ),
    "TH085": (
        "此系统（{platform}）不支持多个工作进程共用一个端口。",
        "请去掉 `--workers`，或写 `--workers 1`；多个工作进程需要 Linux。",
    ),
    "TH086": (
        "{option}：应为 1 到 {most} 的数字或 `auto`，实际是 `{text}`。",
        "例如 `{option:=3}`；`auto` 在不超过两个核时用一个工作进程，否则为核数减一。",
    ),
    "TH090": (
        "{place}：应为[[text?文本||[[number?整数||[[truth? true 或 false||[[texts?文本或文本列表||表]]]]]]]]，"
        "实际是 `{found}`。",
        "例如 `{place:={example}}`。",
    ),
    "TH091": (
        "{place}：没有这个设置。",
        "请[[near?写 `{near}`||删掉它]]；`tailhub config init` 会列出全部设置。",
    ),
    "TH092": (
        "{place}：[[relay?这是整个中继的设置，不属于单个监听||文件里有 {table} 时，监听的设置要写在其中]]。",
        "请写在[[relay?文件开头、第一个 `{table}` 之前||第一个 `{table}` 之下]]。",
    ),
    "TH093": (
        "{path} 第 {line} 行不是有效的 TOML：{reason}。",
        "[[suggestion?请写 `{suggestion}`||文本要加引号，例如 `{example}`；注释以 # 开头]]。",
    ),
    "TH094": (
        "设置了变量 {name}，但没有这个设置。",
        "[[near?也许是 `{near}`；||]]`tailhub config show` 会列出各项设置及其来源。",
    ),
    "TH095": (
        "{path} 不是 UTF-8 文本（第 {line} 行）。",
        "请在编辑器里另存为 UTF-8，或转换：`iconv -f GB18030 -t UTF-8 {path!q} > new.toml`。",
    ),
    "TH096": (
        "{place}：除第一个外，每个监听都要有自己的地址。",
        "请加一行，例如 `{example}`。",
    ),
    "TH097": (
        "{one} 和 {other} 使用了同一个 TCP 端口 {port}。",
        "请改掉其中一个：`{other:=:{free}}`。",
    ),
    "TH098": (
        "{path} 里锁定用的证书带有名称 {name}；虽然打开了 {option}，扫描者仍能由此看出这里运行的是什么。",
        "证书保持原样，因为新证书的指纹不同：`tailhub cert renew` 会在旁边生成一张没有该名称的，"
        "并说明如何不中断地切换。",
    ),
    "TH105": (
        "{path} 中没有成对的证书和私钥：[[certs?{certs} 个文件含证书||没有文件含证书]]，"
        "[[keys?{keys} 个文件含私钥||没有文件含私钥]][[both?，但互不匹配]]。",
        "请把两者（PEM 格式）放进去：fullchain.pem 和 privkey.pem、NAME.crt 和 NAME.key，或你的工具写出的任何文件名。",
    ),
    "TH106": (
        "{path} 已变化，但无法使用，仍在使用之前的证书。",
        "{reason}半分钟内会自动重试。",
    ),
    "TH107": (
        "{path} 的证书将在 {days} 天后（{date}）过期。",
        "请用签发它的工具续期：新文件会自动启用，无需重启。",
    ),
    "TH108": (
        "{option}：目录 {path} 不存在。",
        "请检查路径；相对路径从 {directory} 算起。",
    ),
    "TH110": (
        "{option}：需要知道证书用于哪个域名或地址，但两者都没有给出。",
        "请写明：`{hostname:=derp.example.com}`，或中继的公网地址，例如 `--address 203.0.113.7`。",
    ),
    "TH111": (
        "{option}：{name} 没有可行的验证方式：tls-alpn-01 需要公网 443 端口，http-01 需要公网 80 端口"
        "[[address?||，dns-01 需要一个写入 DNS 的命令]]。",
        "请任选一种：让客户端使用 443 端口（已转发到本机时写 `{public_port:=443}`）；在 80 端口应答"
        "（`{http_listen:=:80}`）[[address?；地址没有第三种方式||；或指定写 DNS 的命令（`{hook:=COMMAND}`）]]。",
    ),
    "TH112": (
        "{challenge}：ACME 服务器访问的是 {needed} 端口，[[port?而中继在 {port} 端口||而中继不在那里]]。",
        "如果 {needed} 端口已转发到中继，或者自己的服务器访问别的端口，则不必处理；否则请用 {option} 换一种方式。",
    ),
    "TH113": (
        "{option}：应为 tls-alpn-01、http-01 或 dns-01，实际是 `{text}`。",
        "可以不写，自动选用可行的一种；或者例如写 `{option:=http-01}`。",
    ),
    "TH114": (
        "{name} 的证书由 {server} 签发，验证方式为 {challenge}；就端口和钩子命令来看，"
        "[[possible?可行的有 {possible}||公共 CA 没有可行的方式]]。",
        "不必处理。",
    ),
    "TH115": (
        "{name} 还没有证书：在 {server} 签发之前，客户端得到的是临时自制的证书，它们会拒绝。",
        "稍等一分钟即可；结果会写在日志里。",
    ),
    "TH116": (
        "没有得到 {name} 的新证书（连续第 {failures} 次）：{reason}。",
        "[[served_to?仍在使用旧证书，有效期至 {served_to}。||在得到证书之前客户端无法连接。]]"
        "下次尝试：{retry}；`tailhub config check` 会说明哪种验证方式可行。",
    ),
    "TH117": (
        "{option}：应为 ACME 服务器目录的 https 网址，实际是 `{text}`。",
        "可以不写，即使用 Let's Encrypt；或者例如写 `{option:=https://acme.zerossl.com/v2/DV90}`。",
    ),
    "TH118": (
        "给出了 {option}，却没有 {missing}；CA 会同时给出这两项。",
        "请两项都写，或者都不写。",
    ),
    "TH119": (
        "{option}：dns-01 需要一个写入 DNS 记录的命令，但没有指定。",
        "请指定：`{hook:=COMMAND}`。命令从 CERTBOT_DOMAIN 得到域名，从 CERTBOT_VALIDATION 得到 TXT 记录 "
        "_acme-challenge.NAME 的内容。",
    ),
    "TH120": (
        "{option}：http-01 需要明文 HTTP 端口，但它没有启用。",
        "请启用：`{http_listen:=:80}`。",
    ),
    "TH121": (
        "{option}：dns-01 只适用于域名，而 {name} 是地址。",
        "请写 `{option:=tls-alpn-01}` 或 `{option:=http-01}`。",
    ),
    "TH130": (
        "{option}：应为 IP 地址或网段，实际是 `{text}`。",
        "[[suggestion?请写 `{option:={suggestion}}`。||例如 `{option:=127.0.0.1}` 或 `{option:=10.0.0.0/8}`："
        "填写代理连过来时所用的地址。]]",
    ),
    "TH131": (
        "{option}：应为 NAME=HOST:PORT，每个域名只写一次，实际是 `{text}`。",
        "例如 `{option:=www.example.com=127.0.0.1:4443}`、`{option:=*.example.com=unix:/run/web.sock}`；"
        "其余所有域名写 `{option:=*=127.0.0.1:4443}`；`{option:=*=proxy:127.0.0.1:4443}` 会用 PROXY 头把客户端地址告诉"
        "那台服务器，那边也要相应设置。",
    ),
    "TH132": (
        "{option} 把 {name} 转给了别的服务器，而它是中继自己的域名。",
        "请去掉这一项：`*` 从不包括它。",
    ),
    "TH133": (
        "{option} 需要 TLS：没有 TLS，客户端不会说明要找哪个域名。",
        "请去掉它，或由中继自己处理 TLS：`{tls:=true}`。",
    ),
    "TH150": (
        "systemd 传来了 {name} 的套接字，但中继没有监听它。",
        "让 socket 单元与中继的配置写同样的地址和端口。",
    ),
    "TH151": (
        "本机不由 systemd 管理，无法安装服务。",
        "请让本机的 init 系统或容器启动 `{command}`，并在它退出后重启。",
    ),
    "TH152": (
        "只有 root 可以更改服务。",
        "`sudo {command}`",
    ),
    "TH153": (
        "服务用户 `{user}` 无法启动 {program}：{reason}。",
        "请把 tailhub 装到所有用户都能读取的地方：`sudo python3 -m venv /opt/tailhub && "
        "sudo /opt/tailhub/bin/pip install tailhub && sudo /opt/tailhub/bin/tailhub service install`",
    ),
    "TH154": (
        "服务 {name} 没有启动成功：{reason}。",
        "`journalctl -u {name} -n 30` 可以看到它的输出[[restored?。原来的单元已经恢复]]。",
    ),
    "TH155": (
        "本机没有服务 {name}。",
        "`sudo {command}`",
    ),
    "TH175": (
        "这次启动会在 {path} 里生成新证书，而 {other} 里有同一端口（{port}）的中继的另一份状态："
        "锁定那张证书的客户端都会断开。",
        "要沿用那一份：`tailhub relay --state-dir {other!q}`；要搬到这里：`sudo tailhub state export state.tar "
        "--state-dir {other!q}`，然后 `sudo tailhub state import state.tar --state-dir {path!q}`；"
        "确实要新的状态：`tailhub relay --new-state`。",
    ),
    "TH176": (
        "锁定证书的名称应为 1 到 32 个字母、数字、- 或 _，实际是 `{text}`。",
        '例如 `tailhub cert renew --name 2036`，或在配置文件中写 `pin = "2036"`。',
    ),
    "TH177": (
        "{path} 里已经有状态（{entries}），没有做任何改动。",
        "要替换它，请加上 `--force`：原有的文件会移到单独的目录里，不会删除。",
    ),
    "TH178": (
        "{path} 不是完整的中继状态导出文件：{reason}。没有做任何改动。",
        "请在中继所在的机器上重新导出（`tailhub state export state.tar`），并原样复制过来。",
    ),
    "TH179": (
        "{path} 里既没有中继密钥（derper.key），也没有自签名证书及其密钥（NAME.crt、NAME.key）。",
        "请指出证书所在的目录，密钥文件在别处时一并指出：`tailhub state import DIR --key-file FILE`；"
        "CA 签发的证书不用搬，直接使用原来的文件：`tailhub relay --cert FILE --key FILE`。",
    ),
    "TH180": (
        "{path} 里有多张自签名证书，无法判断客户端锁定的是哪一张：{names}。",
        "请只保留客户端锁定的那一张，把其余的移走；`openssl x509 -in FILE -outform der | sha256sum` 可得出每张的指纹。",
    ),
    "TH181": (
        "{path} 已经存在；锁定的证书从不重新生成。",
        "请换一个名称：`tailhub cert renew --name NAME`；`tailhub cert show` 会列出已有的证书。",
    ),
    "TH182": (
        "自签名证书 {source} 已原样接管为 {path}。",
        "不必处理：锁定它的客户端不受影响。原来的文件不再使用。",
    ),
    "TH183": (
        "{path} 里没有中继的状态。",
        "请用 `--state-dir DIR` 指出它在哪里：中继启动时会打印这个目录。root 的在 /var/lib/tailhub。",
    ),
    "TH184": (
        "{path} 已经存在，不会覆盖它。",
        "请换一个文件名，或先移走它：`mv {path!q} {path!q}.old`",
    ),
    "TH190": (
        "{option}：应为 0 到 {most} 的数，实际为 `{text}`。",
        "例如 `{option:=5}`。",
    ),
    "TH191": (
        "{place}：`{found}` 按 `{taken}` 处理。",
        "请写成 `{place:={taken}}`；compose 文件的列表里，引号会成为值的一部分。",
    ),
    "TH192": (
        "{place}：应为[[bool? true 或 false||[[duration?时长||数字]]]]，实际为 `{found}`。",
        "例如 `{place:={example}}`。",
    ),
    "TH193": (
        "{place} 设为 `{value}`，tailhub 目前还做不到。",
        "如果中继可以不用它，请去掉；在此之前只有原版 derper 能做到。",
    ),
    "TH194": (
        "{address} 上没有 TLS：原版只在 443 端口或 `-certmode manual` 时使用 TLS（{place}）。",
        "要在此端口使用 TLS：用 `-certmode manual` 和证书文件，或 `tailhub relay --listen {address}`。",
    ),
    "TH195": (
        "{place}：应为 `letsencrypt` 或 `manual`，实际为 `{mode}`；不支持以此名称使用 Google 的 CA。",
        "请用 `-certmode letsencrypt`，或 `-certmode manual -certdir DIR`（文件布局不限）；其他 CA 用 "
        "`tailhub relay --acme --acme-directory URL`。",
    ),
    "TH210": (
        "{path} 处没有 tailscaled 应答：{reason}。在此期间它不放行任何设备。",
        "[[mounted?那里挂载的是 socket 文件本身，而 tailscaled 后来新建了一个：请改为挂载它的目录，"
        "`-v {parent}:{parent}`，然后重新启动容器。"
        "||[[denied?请让当前用户能打开它：用 root，或加入该 socket 的用户组；rootless 容器要以 socket 属主的身份运行。"
        "||请在本机启动 tailscaled（`sudo systemctl start tailscaled`），或写明它的 socket 在哪里，`{setting:=FILE}`；"
        "在容器里请挂载 socket 所在的目录，`-v /var/run/tailscale:/var/run/tailscale`。]]]]",
    ),
    "TH211": (
        "{path} 处的 tailscaled 没有连上它的 tailnet（它的状态是 {state}），因此谁也不认识，也不放行任何设备。",
        "让它连上：`sudo tailscale up`",
    ),
    "TH212": (
        "连不上 {url}：{reason}。",
        "请检查那里的程序是否在运行、本机能否连接，`curl -v {url!q}`；或换一个，`{setting:=https://HOST/PATH}`。",
    ),
    "TH213": (
        "{url} 连不上时，任何人都能使用这台中继（{setting}）。",
        "要在那时也拒绝陌生人：[[off?`{off}`||`{setting:=false}`]]",
    ),
    "TH214": (
        "{setting}：应为网址，实际是 `{text}`。",
        "例如 `{setting:=https://headscale.example.com/verify}`；可以用 http 或 https。",
    ),
    "TH215": (
        "没有 {missing}，{setting} 不起作用。",
        "请两个都写，或都不写。",
    ),
    "TH220": (
        "{path}：[[line?应为 JSON，第 {line} 行有语法错误||[[name?`{name}` 应为整数（字节），实际为 `{found}`"
        "||应为 JSON 对象，实际为 `{found}`]]]]。",
        '例如 `{{"PerClientRateLimitBytesPerSec": 1250000, "PerClientRateBurstBytes": 1250000}}`：'
        "每个客户端 10 Mbit/s。",
    ),
    "TH221": (
        "{path} 无法使用，仍按之前的限速执行。",
        "{reason}改正后请再发送 SIGHUP。",
    ),
    "TH222": (
        "{path}：不认识 `{name}`。",
        "可用的是 `PerClientRateLimitBytesPerSec` 和 `PerClientRateBurstBytes`。",
    ),
    "TH223": (
        "{place}：{found} 字节容不下一个大包，或 20 毫秒内到达的数据；已按 {taken} 处理。",
        "请写 {taken} 或更大的数，或写 0（一秒的数据量）。",
    ),
    "TH224": (
        "{place} 只给出了突发量，没有速率，因此不限速。",
        "请同时给出每秒字节数：`rate_limit_bytes_per_s`，原版文件中为 `PerClientRateLimitBytesPerSec`。",
    ),
    "TH230": (
        "{place}：值里有零字符 `\\u0000`，名称、路径和命令都不能含有它。",
        "请去掉它；路径里的反斜杠要写两个，或用单引号。",
    ),
    "TH231": (
        "{one} 和 {other} 要的是同一个套接字 {path}。",
        "请把其中一个换掉：`{other:=unix:{path}2}`。",
    ),
    "TH232": (
        "--name：应为最多 64 个字母、数字、`-` 和 `_`，实际为 `{name}`。",
        "例如 `--name tailhub2`；单元、状态目录和配置目录都用这个名字。",
    ),
    "TH233": (
        "向 {path} 的导入中途中断，还没有完成。",
        "请在那里启动一次中继，它会完成导入：`tailhub relay --state-dir {path!q}`",
    ),
    "TH234": (
        "{option}：`{text}` 又指回中继自己。",
        "请写另一个服务器的套接字，或去掉它。",
    ),
    "TH240": (
        "{place}：应为要监听的地址，实际是名称 `{name}`，它在本机上没有地址（{reason}）。",
        "请写本机的一个地址；冒号前留空则监听全部地址：`{place:=:{port}}`。"
        "`getent hosts {name!q}` 可以看出该名称是否可解析。",
    ),
    "TH241": (
        "{place}：应为端口，实际是服务名 `{service}`，本机不知道这个 TCP 服务。",
        "请写端口号：`{place:=:443}`。",
    ),
    "TH242": (
        "{cache} 里 {name} 的证书从现在起由本中继使用，最迟到 {date}；在那之前会续期，新证书保存在状态目录里。",
        "不必处理。{cache} 里的文件不会改动。",
    ),
    "TH243": (
        "以下文件在状态目录之外，不在导出的文件里：{paths}。",
        "请把它们连同属主和权限复制到新机器的相同位置，或在那里重新生成；客户端锁定的证书必须是同一张。"
        "在新机器上运行 `tailhub config check` 会列出缺少什么。",
    ),
    "TH244": (
        "{path} 不存在，已把 {source} 里的中继密钥复制到那里。",
        "不必处理：中继与搬迁之前是同一个。",
    ),
    "TH250": (
        "连不上 {url}：{reason}。",
        "[[clock?请检查本机时钟是否正确，`date -u`；若正确，则是服务器需要换新证书。"
        "||请检查本机能否连接它，`curl -v {url!q}`；或写另一个：`{setting:=https://HOST}`。]]",
    ),
    "TH251": (
        "{url} 不接受该凭据（{reason}）：它已过期、已被吊销，或者不是用在这里的。",
        "[[headscale?请新建 API key，`headscale apikeys create`，然后写进 {setting}。"
        "||请在 https://login.tailscale.com/admin/settings/oauth 新建一个，范围为 "
        "`devices:core:read`（OAuth client 不会过期），然后把它的 secret 写进 {setting}。]]",
    ),
    "TH252": (
        "{url} 认得 {setting} 里的凭据，但它无权读取设备（{reason}）。",
        "请给该 OAuth client 加上范围 `devices:core:read`（Tailscale 控制台里：Devices、Core、Read）；access token 的"
        "权限与其主人相同，其主人须为管理员。",
    ),
    "TH253": (
        "{url} 不认识这个 tailnet（{reason}）。",
        "请去掉 {setting}，即凭据自己的 tailnet；或按控制台 General 设置里显示的写 tailnet 的 ID 或名称："
        "`{setting:=example.com}`。",
    ),
    "TH254": (
        "{url} 的回答不是设备列表：{reason}。",
        "请检查那是不是该 API 的网址（不带它自己的路径），以及是不是有代理在替它回答：`{setting:=https://HOST}`。",
    ),
    "TH255": (
        "用于 {url} 的凭据将于 {at} 过期[[days?（还有 {days} 天）]]；此后读不到它的设备列表。",
        "[[headscale?请新建 API key，`headscale apikeys create --expiration 365d`，然后写进 {setting}。"
        "||请在 https://login.tailscale.com/admin/settings/oauth 新建不会过期的 OAuth client，范围为 "
        "`devices:core:read`；或为 {setting} 新建 access token。]]",
    ),
    "TH256": (
        "[[path?{setting} 指定的 {path}：||{setting}：]]应为 {expected}，实际是 {found}。",
        "请原样写上对方在新建它时显示的内容：完整、一行、别无其他。",
    ),
    "TH257": (
        "{setting}：应为网址[[more?，不带用户名、密码和查询]]，实际是 `{text}`[[more?，并带有其他内容]]。",
        "例如 `{setting:={example}}`；可以用 http 或 https。",
    ),
    "TH260": (
        "{place}：应为数据库网址、`off`，或留空（状态目录里的文件）；{reason}。",
        "例如 `{place:=postgresql://tailhub:PASSWORD@db.example.com/tailhub}`。",
    ),
    "TH261": (
        "存储是 PostgreSQL 数据库，但没有安装与它通信的 Python 模块 {module}。",
        "请在中继所用的环境里运行 `pip install 'tailhub[postgres]'`。",
    ),
    "TH262": (
        "连不上位于 {where} 的存储：{reason}。",
        "数据包照常转发；这期间的计数保存在内存里，数据库恢复后写入。请检查它是否在运行，以及本机能否连到它。",
    ),
    "TH263": (
        "无法写入存储 {path}：{reason}。",
        "数据包照常转发；这期间的计数保存在内存里，能写时再写。请腾出空间，或把该文件还给运行中继的用户。",
    ),
    "TH264": (
        "存储 {path} 已损坏（{reason}）。已移到 {aside}，并新建了一个。",
        "用量和记住的准入从零开始。`sqlite3 {aside!q} .recover` 可以读出还能读的内容"
        "[[backups?；要回到最近一次备份，请停止中继，用 {backups} 里最新的文件替换它]]。",
    ),
    "TH265": (
        "存储 {where} 由更新的 tailhub 写成：表的版本是 {found}，本程序只认识 {known}。",
        "请重新安装较新的 tailhub[[backups?，或停止中继，用 {backups} 里最新的文件替换它（此后的计数会丢失）"
        "||，或从同一数据库的 tailhub_backup_… 模式恢复这些表]]。",
    ),
    "TH266": (
        "存储 {where} 里是旧版 tailhub 的表（版本 {found}）。",
        "请启动一次中继，它会更新这些表。",
    ),
    "TH267": (
        "[[off?没有计数：存储已关闭||{where} 没有存储]]。",
        '[[off?请从配置里去掉 `store = "off"`||请启动中继，由它建立；如果状态在别处，请指明：'
        "`tailhub usage --state-dir DIR`]]。",
    ),
    "TH268": (
        "位于 {where} 的数据库拒绝了请求：{reason}。",
        "数据包照常转发，但什么也没有写入。请检查用户和数据库是否存在，以及该用户能否建表："
        "`GRANT CREATE ON DATABASE tailhub TO tailhub`、`GRANT CREATE ON SCHEMA public TO tailhub`。",
    ),
    "TH269": (
        "[[backwards?{option}：{text} 不在开始日期之后||{option}：应为[[month?月份||日期]]，实际为 `{text}`]]。",
        "[[month?例如 `{option} 2026-11`||例如 `{option} 2026-11-27`；--until 是不再计入的第一天]]。",
    ),
    "TH270": (
        "{place}：应为 {words} 之一，实际是 `{found}`。",
        "请写其中之一，或不写。",
    ),
    "TH271": (
        "{place}：本机没有名为 `{found}` 的时区。",
        "请写 `Europe/Berlin` 或 `UTC` 这样的名称；`timedatectl list-timezones` 会列出全部。"
        "若一个也没有，请安装系统的 tzdata 软件包。",
    ),
    "TH272": (
        "{place} 只给了突发量而没有速率，因此没有限制。",
        "请同时给出每秒字节数：`{rate:=1250000}`",
    ),
    "TH273": (
        "{place}：超出配额的密钥将什么也发不出去。",
        "请写它每秒仍可发送的字节数，或把 `over_quota` 写成 `refuse`。",
    ),
    "TH274": (
        "{place} 是配额，但没有保存用量：{store} 为 `off`。",
        "不写 {store}，用量就保存在状态目录的文件里。",
    ),
    "TH280": (
        "{setting}：应为 hold 或 close，实际为 {text}。",
        "hold 保持被拒绝的客户端的连接，让其用户看到原因，客户端也安静等待；close 与原版一样直接断开。",
    ),
    "TH281": (
        "{setting}：最多 {most} 个字符，实际有 {length} 个。",
        "它显示在 `tailscale status` 的一行里：用一两句话说明可以找谁即可。",
    ),
    "TH285": (
        "{path} 第 {line} 行：应为 `nodekey:<64 位十六进制数> NAME [tenant=TENANT] # comment`，实际有 `{word}`。"
        "这一行不起作用，其他行照常。",
        "请改正、删除，或在行首加 `#`；不必重启。",
    ),
    "TH286": (
        "{path} 第 {line} 行与第 {first} 行是同一个密钥，只有第 {first} 行起作用。",
        "请删除其中一行。",
    ),
    "TH287": (
        "许可名单 {path} 无法读取[[keys?；之前的 {keys} 个密钥继续放行，其他的不放行||，因此不放行任何人]]。",
        "{reason}之后不必重启。",
    ),
    "TH288": (
        "许可名单 {path} 里没有密钥，因此不放行任何人。",
        "`tailhub allow pending` 列出被拒绝的客户端，`tailhub allow approve 1 --name NAME` 放行其中第一个，"
        "`tailhub allow add nodekey:… --name NAME` 放行任意一个。",
    ),
    "TH289": (
        "这台中继没有许可名单。",
        '请带名单启动：`tailhub relay --allow-list on`，或在配置文件里写 `allow_list = "on"`。',
    ),
    "TH290": (
        "[[number?上次列出的名单里没有编号为 {text} 的被拒客户端||[[entry?许可名单里没有名为 {text} 的密钥或名称"
        "||应为节点密钥，即 `nodekey:` 加 64 位十六进制数，或来过的客户端的短密钥，实际是 `{text}`]]]]。",
        "[[number?`tailhub allow pending` 可以列出||[[entry?`tailhub allow list` 可以列出名单"
        "||在设备上运行 `tailscale status --json`，`PublicKey` 就是它的密钥]]]]。",
    ),
    "TH291": (
        "{text} 对应多个密钥：{keys}。",
        "请完整写出其中一个。",
    ),
    "TH292": (
        "[[key?许可名单里另一个密钥已叫 {text}：{key}"
        "||名称应不超过 64 个字符，不含空格、`#` 和 `=`，实际是 `{text}`]]。",
        "[[key?请换一个名称，或用新密钥替换它：`--replace`||例如 `--name alice-phone`]]。",
    ),
    "TH293": (
        "{place}：[[relay?这是整个中继的设置，不属于单个租户||只有租户才有这一项，写在 {table} 表里]]。",
        "请写在[[relay?文件开头、第一个 `{table}` 之前||某个 `{table}` 之下]]。",
    ),
    "TH294": (
        "{place}：每个租户应为一个表，实际是 `{found}`。",
        '请在文件末尾写 `{table}`，其下写 `name = "friends"` 和该租户的各项设置。',
    ),
    "TH295": (
        "{place}：[[name?[[other?已经有租户 {name}（{other}）||应为 1 到 63 个英文字母、数字或 . _ -，"
        "且不能是 default，实际是 `{name}`]]||租户需要名称]]。",
        "例如 `{place:=friends}`；它的计数和日志都用这个名称。",
    ),
    "TH296": (
        "{place}：没有写明由谁判断哪些设备属于租户 {name}，因此谁也不属于它。",
        '请在它的名称之下写明向谁查询，例如 `verify_url = "https://headscale.example.com/verify"` 或 '
        "`verify_tailscaled = true`。",
    ),
    "TH297": (
        "{place}：没有租户 `{name}`。",
        "[[near?请写 `{near}`||其他租户有：{names}]]；default 指中继自身设置所属的租户。",
    ),
    "TH298": (
        "{place}：另一个租户也查询 {verifier}（{other}）。它认识的设备属于前一个租户，后一个由此得不到任何设备。",
        "请只让其中一个查询它。",
    ),
    "TH299": (
        "{place}：既然有租户，就只有某个租户的验证者认识的设备才能使用中继。各租户表之前没有写验证者，"
        "因此没有设备属于中继自身的设置（default）。",
        "如果本意如此，不必处理；否则请在第一个租户表之前写明验证者。",
    ),
    "TH300": (
        "{place} 靠不应答客户端的 STUN 请求来引导它们，而这里关闭了 STUN。",
        "请打开 STUN（`{stun:=:3478}`），或去掉 {place}。",
    ),
    "TH301": (
        "{place}：应为不超过 24 小时的时间，例如 `360`、`90s`、`6m` 或 `1h`，实际是 `{text}`。",
        "请写 `{place:=6m}`。",
    ),
    "TH310": (
        "没有租户 `{text}`[[names?，只有 {names}||：此中继的配置里没有租户]]。",
        "[[names?请写其中之一，或不写（属于中继自身设置的租户）||请不要写租户，或在配置的 `{table}` 表里写明它；"
        "配置不在通常位置且没有运行中的中继时，命令需要 `--config FILE`]]。",
    ),
    "TH311": (
        "{place} 要保存在存储里，但没有存储：{store} 为 `off`。",
        "不写 {store}，存储就是状态目录里的文件；写 PostgreSQL 数据库的 URL，多台中继就能共用它。"
        "或用文件作名单：`{place:=on}`。",
    ),
    "TH318": (
        "{path} 第 {line} 行：没有租户 `{name}`，因此该密钥不属于任何租户，会被拒绝。",
        "[[names?请写 {names} 之一；||]]若属于中继自身设置，请去掉 `tenant=`；无需重启。",
    ),
    "TH319": (
        "存储 {path} 在中继打开期间被删除或替换。现改用那里的文件，没有则新建；只在旧文件里的内容不再计入。",
        "要换上另一个存储，请先停止中继。",
    ),
}
