"""An example of a region's description, with every key explained: a sound one, as a test makes sure."""

from __future__ import annotations

from tailhub.findings import Language

__all__ = ["EXAMPLE"]

EXAMPLE: dict[Language, str] = {
    "en": """\
# A region of several relays. `tailhub region plan THIS-FILE --out DIR` makes of it a directory for each node and the
# map for all; run it again after a change.
id = 901           # of the region in the map, 900 to 999
code = "fra"       # short name
name = "Frankfurt" # for people

# Lines for the configuration of every node that is a tailhub; one for all that follows is enough.
[settings]
drain_s = 10.0

# A relay with a name and a certificate by ACME, as it is when nothing else is said.
[[node]]
name = "a"              # of the directory, and behind the id in the map: 901a
host = "a.example.com"
port = 443              # TCP, as others reach it
stun_port = 3478        # UDP; -1: no STUN
private = "10.0.0.1"    # where the other nodes dial it, at the port of `listen`; without it: host
restart = "ssh root@a.example.com systemctl restart tailhub"  # for `tailhub region restart`; else a person is asked

# One without a name: its certificate is made here, and clients pin it.
[[node]]
name = "b"
host = "203.0.113.7"
certificate = "pinned"  # acme | files | pinned | sha256-raw:... (a pin that there is); for an address: pinned
private = "10.0.0.2"
restart = "ssh root@203.0.113.7 systemctl restart tailhub"

# One with files of a CA, other ports, and settings of its own.
[[node]]
name = "c"
host = "c.example.com"
address = ["198.51.100.9"]  # in the map beside the name: an IPv4 address, an IPv6 address, or one of each
port = 8443
listen = ":18443"           # where it listens, if others come by another port (STUN: the same host)
certificate = "files"
cert = "/etc/letsencrypt/live/c.example.com/fullchain.pem"  # on that machine
key = "/etc/letsencrypt/live/c.example.com/privkey.pem"
[node.settings]
workers = 2

# The original, in the same region.
[[node]]
name = "d"
kind = "derper"         # tailhub | derper
host = "198.51.100.44"
options = ["-verify-clients"]  # more words of its command line
""",
    "zh": """\
# 由多台中继组成的一个区域。`tailhub region plan 本文件 --out DIR` 会据此为每个节点生成一个目录，
# 并生成所有客户端用的 map；修改后再运行一次即可。
id = 901           # 区域在 map 中的编号，900 到 999
code = "fra"       # 简称
name = "Frankfurt" # 给人看的名字

# 写进每个 tailhub 节点配置的行。
[settings]
drain_s = 10.0

# 有域名、用 ACME 取得证书的中继：不另作说明时就是这样。
[[node]]
name = "a"              # 目录名；在 map 中接在区域编号之后：901a
host = "a.example.com"
port = 443              # TCP，别人连接时用的端口
stun_port = 3478        # UDP；-1 表示没有 STUN
private = "10.0.0.1"    # 其他节点连接它时用的地址，端口是 `listen` 的；不写则用 host
restart = "ssh root@a.example.com systemctl restart tailhub"  # 供 `tailhub region restart` 使用；不写则请人来做

# 没有域名的中继：证书在这里生成，客户端固定（pin）它。
[[node]]
name = "b"
host = "203.0.113.7"
certificate = "pinned"  # acme | files | pinned | sha256-raw:...（已有的 pin）；host 是地址时默认 pinned
private = "10.0.0.2"
restart = "ssh root@203.0.113.7 systemctl restart tailhub"

# 使用 CA 证书文件、其他端口，并有自己设置的中继。
[[node]]
name = "c"
host = "c.example.com"
address = ["198.51.100.9"]  # map 中写在域名之外的地址：一个 IPv4，一个 IPv6，或各一个
port = 8443
listen = ":18443"           # 自己监听的地方，如果别人经由另一个端口到达（STUN 用同一主机）
certificate = "files"
cert = "/etc/letsencrypt/live/c.example.com/fullchain.pem"  # 在那台机器上
key = "/etc/letsencrypt/live/c.example.com/privkey.pem"
[node.settings]
workers = 2

# 同一区域中的原版 derper。
[[node]]
name = "d"
kind = "derper"         # tailhub | derper
host = "198.51.100.44"
options = ["-verify-clients"]  # 命令行中另加的参数
""",
}
