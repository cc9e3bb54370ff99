"""What the findings of `tailhub.findings.listening` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH030": (
        "{protocol} port {port} is taken by [[program?{program} (pid {pid})||a program that this user may not see]].",
        "[[program?Stop it||Find it with `sudo ss {ss_flags} 'sport = :{port}'` and stop it]], or use "
        "[[free_port?a free port: `{flag:={host}:{free_port}}`||another port: `{flag:={host}:PORT}`]].",
        "Two programs cannot listen on the same port; the one that was first has it.",
        "The relay does not start; whoever comes to this port meets the other program.",
    ),
    "TH031": (
        "This user may not listen on {protocol} port {port}: low ports need a privilege.",
        "Use a higher port (`{flag:={host}:[[free_port?{free_port}||PORT]]}`), or allow this one: "
        "`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`, or `AmbientCapabilities=CAP_NET_BIND_SERVICE` in a "
        "systemd unit, or `sudo setcap cap_net_bind_service=+ep $(readlink -f {python!q})` (for every program that "
        "this Python runs).",
        "Ports below 1024 are for programs with a privilege, which a user's program has not unless it is given.",
        "The relay does not start.",
    ),
    "TH032": (
        "{flag}: {host} is not an address of this machine.",
        "[[private?For this machine only: `{flag:=127.0.0.1:{port}}`."
        "||Listen on all of its addresses, `{flag:=:{port}}`; if others reach this machine by {host}, as behind the "
        "NAT of a cloud, add `--address {host}`.]]",
        "A program can listen on addresses that an interface of its machine has. Behind the NAT of a cloud "
        "the public address is on none.",
        "The relay does not start.",
    ),
    "TH033": (
        "{flag}: expected HOST:PORT, found `{text}`.",
        "[[suggestion?Write `{flag:={suggestion}}`. ]]"
        "[[quoted?The quotes are part of the value: in a compose file's list write `- NAME=VALUE`, without quotes. ]]"
        "HOST is empty, `localhost`, an IPv4 address or an IPv6 address in brackets, PORT a number up to 65535 or "
        "`https`, `http`, `stun`, as in `:8443`, `192.0.2.5:8443`, `[2001:db8::5]:8443`; `off` switches the listener "
        "off.",
        "The value was mistyped, or written as another program takes it.",
        "The relay does not start with it.",
    ),
    "TH034": (
        "This kernel has no {family}, so {flag} serves the other family only.",
        "Nothing to do unless clients need {family}[[sysctl?; `sysctl {sysctl}` tells whether it was switched off]].",
    ),
    "TH035": (
        "Cannot listen on {text} ({flag}): {reason}.",
        "[[unix?Remove what is in the way, or choose another directory with `--state-dir DIR`."
        "||[[path?Make its directory, remove what is in the way, or choose a shorter or another path: "
        "`{flag:=unix:/run/tailhub/relay.sock}`."
        "||Choose another address with `{flag:=HOST:PORT}`, or switch it off with `{flag:=off}`.]]]]",
        "The system refuses it; the reason is its own word.",
        "The relay does not start.",
    ),
    "TH036": (
        "This process may open {limit} files, enough for about {clients} clients.",
        "For more, raise the hard limit before the start: `LimitNOFILE=65536` in a systemd unit, "
        "`--ulimit nofile=65536` for a container.",
        "Each client is an open file, and whoever started this process allows so many.",
        "Nothing, while there are fewer clients.",
    ),
    "TH037": (
        "--listen and --stun-listen are both off: there is nothing left to do.",
        "Leave one of them on: `--listen :8443` relays, `--stun-listen :3478` answers STUN.",
        "Both were switched off.",
        "The relay does not start.",
    ),
    "TH150": (
        "systemd passed a socket for {name}, and no listener of the relay asks for it.",
        "Let the socket unit and the relay's configuration name the same addresses and ports.",
    ),
    "TH231": (
        "{one} and {other} ask for the same socket, {path}.",
        "Give one of them another: `{other:=unix:{path}2}`.",
    ),
    "TH240": (
        "{place}: expected an address to listen on, found the name `{name}`, which has none here ({reason}).",
        "Write an address of this machine, or nothing before the colon to listen on all of them: "
        "`{place:=:{port}}`. `getent hosts {name!q}` shows whether the name is known.",
    ),
    "TH241": (
        "{place}: expected a port, found the service `{service}`, which this machine does not know over TCP.",
        "Write the port's number: `{place:=:443}`.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH030": (
        "{protocol} 端口 {port} 已被占用[[program?：{program}（pid {pid}）||，当前用户无权查看是哪个程序]]。",
        "[[program?停掉它||用 `sudo ss {ss_flags} 'sport = :{port}'` 找到并停掉它]]，或改用"
        "[[free_port?空闲端口：`{flag:={host}:{free_port}}`||其他端口：`{flag:={host}:PORT}`]]。",
        "两个程序不能监听同一个端口；先启动的占有它。",
        "中继无法启动；连到这个端口的客户端遇到的是另一个程序。",
    ),
    "TH031": (
        "当前用户不能监听 {protocol} 端口 {port}：小号端口需要特权。",
        "改用大号端口（`{flag:={host}:[[free_port?{free_port}||PORT]]}`），或放行此端口："
        "`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`，或在 systemd 单元中写 "
        "`AmbientCapabilities=CAP_NET_BIND_SERVICE`，或 "
        "`sudo setcap cap_net_bind_service=+ep $(readlink -f {python!q})`（对该 Python 运行的所有程序都有效）。",
        "1024 以下的端口需要特权，普通用户的程序如果没有得到就没有。",
        "中继无法启动。",
    ),
    "TH032": (
        "{flag}：{host} 不是本机的地址。",
        "[[private?仅供本机使用：`{flag:=127.0.0.1:{port}}`。"
        "||请监听本机全部地址：`{flag:=:{port}}`；如果外部通过 {host} 访问本机（云服务器的 NAT 即如此），再加上 "
        "`--address {host}`。]]",
        "程序只能监听本机网卡上的地址。在云的 NAT 后面，公网地址不在任何网卡上。",
        "中继无法启动。",
    ),
    "TH033": (
        "{flag}：应为 HOST:PORT，实际是 `{text}`。",
        "[[suggestion?请写 `{flag:={suggestion}}`。]]"
        "[[quoted?引号成了值的一部分：在 compose 文件的列表里应写 `- NAME=VALUE`，不加引号。]]"
        "HOST 可以为空、`localhost`、IPv4 地址或带方括号的 IPv6 地址，PORT 是不超过 65535 的数字，或 `https`、`http`、"
        "`stun`，例如 `:8443`、`192.0.2.5:8443`、`[2001:db8::5]:8443`；`off` 表示关闭该监听。",
        "值写错了，或按别的程序的写法写了。",
        "中继无法用它启动。",
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
        "系统拒绝了；原因是系统给出的。",
        "中继无法启动。",
    ),
    "TH036": (
        "本进程最多可打开 {limit} 个文件，大约够 {clients} 个客户端使用。",
        "需要更多时，请在启动前提高硬限制：systemd 单元中写 `LimitNOFILE=65536`，容器则加 `--ulimit nofile=65536`。",
        "每个客户端是一个打开的文件，启动这个进程的程序只允许这么多。",
        "客户端较少时没有影响。",
    ),
    "TH037": (
        "--listen 和 --stun-listen 都已关闭：没有可做的事情。",
        "请至少保留一个：`--listen :8443` 提供中继，`--stun-listen :3478` 应答 STUN。",
        "两者都被关闭了。",
        "中继无法启动。",
    ),
    "TH150": (
        "systemd 传来了 {name} 的套接字，但中继没有监听它。",
        "让 socket 单元与中继的配置写同样的地址和端口。",
    ),
    "TH231": (
        "{one} 和 {other} 要的是同一个套接字 {path}。",
        "请把其中一个换掉：`{other:=unix:{path}2}`。",
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
}
