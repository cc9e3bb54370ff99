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
    "acme": "向 ACME 服务器（Let's Encrypt）申请证书。",
    "acme_directory": "ACME 服务器的目录网址；使用即表示接受其条款。",
    "acme_email": "ACME 服务器可以联系你的邮箱。",
    "acme_challenge": "tls-alpn-01（公网 443 端口）、http-01（公网 80 端口）或 dns-01（钩子命令）；默认选可行的。",
    "acme_dns_hook": "写入 DNS 记录的命令，约定与 certbot 的 manual auth hook 相同。",
    "acme_dns_cleanup_hook": "删除该记录的命令，约定与 certbot 的 manual cleanup hook 相同。",
    "acme_eab_kid": "CA 给你的账户的 key id（外部账户绑定）。",
    "acme_eab_key": "与之对应的密钥（base64）；命令行选项别人看得到，最好不要那样写。",
    "acme_ca_file": "信任私有 ACME 服务器所用的 CA 证书（PEM）。",
    "pin": "使用哪一张锁定用的证书（tailhub cert renew）。",
    "http_listen": "明文 HTTP：强制门户检测和跳转，一般为 :80。",
    "stun_listen": "STUN（UDP）。",
    "stun_public_port": "客户端使用的 UDP 端口，与 stun_listen 的不同时填写。",
    "admin_listen": "健康检查、指标和 map，仅供自己使用。",
    "address": "客户端使用的地址；IPv4、IPv6 各最多一个。",
    "discover": "向云平台元数据和公共 STUN 服务器查询地址。",
    "state_dir": "存放中继密钥和证书的目录。",
    "new_state": "即使本机另有中继状态，也重新开始（原来的指纹留在原处）。",
    "mesh_key_file": "同一区域各中继共用的密钥文件：64 位十六进制数。",
    "region_id": "输出的 map 里的区域编号，900 到 999（默认由密钥得出）。",
    "workers": "服务客户端的进程数（auto：不超过两个核时为 1，否则为核数减一）。",
    "home": "首页：空白页，或跳转到网址。",
    "bootstrap_dns_names": "在 /bootstrap-dns 上公布的域名，用逗号分隔。",
    "stun_rfc": "也应答普通的 RFC 8489 STUN，按地址限速。",
    "quiet": "不透露这里运行的是什么：home 为 blank、stun_rfc 关闭（除非另行设置），不出现本软件的名称。",
}
