"""The settings' meanings and the headings of their sections in Chinese, by what `table` calls them."""

from __future__ import annotations

SECTIONS: dict[str, str] = {
    "LISTENER": "客户端从哪里连接",
    "CERTIFICATE": "证书",
    "PORTS": "其他端口",
    "ADDRESS": "地址",
    "STATE": "状态",
    "RELAY": "中继",
    "PAGES": "外部能看到什么",
}

MEANINGS: dict[str, str] = {
    "listen": "客户端连接的地址（TLS，任意端口）。",
    "public_port": "客户端使用的 TCP 端口，与 listen 的不同时填写。",
    "hostname": "客户端使用的域名（或地址）。",
    "tls": "由中继处理 TLS；false 表示前面的代理已处理。",
    "cert": "证书（PEM），含证书链。",
    "key": "证书的私钥（PEM）。",
    "cert_dir": "存放证书及私钥的目录。",
    "pin": "使用哪一张锁定用的证书（tailhub cert renew）。",
    "http_listen": "明文 HTTP：强制门户检测和跳转，一般为 :80。",
    "stun_listen": "STUN（UDP）。",
    "stun_public_port": "客户端使用的 UDP 端口，与 stun_listen 的不同时填写。",
    "admin_listen": "健康检查、指标和 map，仅供自己使用。",
    "address": "客户端使用的地址；IPv4、IPv6 各最多一个。",
    "discover": "向云平台元数据和公共 STUN 服务器查询地址。",
    "state_dir": "存放中继密钥和证书的目录。",
    "new_state": "即使本机另有中继状态，也重新开始（原来的指纹留在原处）。",
    "key_file": "中继的私钥文件，不在状态目录里时填写。",
    "mesh_key_file": "同一区域各中继共用的密钥文件：64 位十六进制数。",
    "region_id": "输出的 map 里的区域编号，900 到 999（默认由密钥得出）。",
    "workers": "服务客户端的进程数（auto：不超过两个核时为 1，否则为核数减一）。",
    "accept_limit": "公开端口每秒接受的新连接数，超出的立即关闭（0：不限）。",
    "accept_burst": "在此之外可同时到来的连接数（0：与一秒的数量相同）。",
    "tcp_keepalive_s": "连接静默多久后由内核探测。",
    "tcp_user_timeout_s": "内核等待确认多久后放弃连接（0：内核默认值）。",
    "write_timeout_s": "客户端有数据待收却这么久不接收就断开（0：不断开）。",
    "home": "首页：空白页，或跳转到网址。",
    "bootstrap_dns_names": "在 /bootstrap-dns 上公布的域名，用逗号分隔。",
    "unpublished_bootstrap_dns_names": "/bootstrap-dns 只告诉指名询问者的域名，用逗号分隔。",
    "stun_rfc": "也应答普通的 RFC 8489 STUN，按地址限速。",
    "quiet": "不透露这里运行的是什么：home 为 blank、stun_rfc 关闭（除非另行设置），不出现本软件的名称。",
}
