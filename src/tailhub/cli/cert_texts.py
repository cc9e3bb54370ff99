"""The words of ``tailhub cert``, in English and Chinese."""

from __future__ import annotations

from tailhub.findings import Language

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "tailhub cert   state in {path}",
        "pin": "Pin",
        "names": "Names",
        "addresses": "Addresses",
        "issuer": "Issuer",
        "served": "Served on",
        "file": "File",
        "pinned": "clients pin it",
        "by_name": "clients check its name",
        "comma": ", ",
        "valid": "valid to {date}, {days} days left",
        "soon": "valid to {date}, only {days} days left: make the next one, tailhub cert renew",
        "expired": "EXPIRED on {date}",
        "not_yet": "NOT VALID before {start}: is the clock right?",
        "unserved": "no listener",
        "advertised": " (the one in the map)",
        "renewed": "A new certificate to pin is there. Nothing has changed for clients yet.",
        "step_listen": "Serve it beside the old one, on a port of its own: let this stand at the end of the "
        "configuration file (tailhub config init makes one) instead of the listen, hostname, pin and [[listen]] that "
        "are there, and restart the relay. Clients reconnect at once.",
        "step_open": "Let others in: open TCP {port} here and in the cloud's security group.",
        "step_map": "In the map of your clients change these values of the relay's node:",
        "step_wait": "Wait until the map has reached every client, those that are switched off now too. Until then "
        "both work: port {port} with the old certificate, the new port with the new one.",
        "step_drop": "Then take the [[listen]] of port {port} out of the file again, and restart: from now on tailhub "
        "derpmap prints the new pin.",
    },
    "zh": {
        "title": "tailhub cert   状态目录 {path}",
        "pin": "指纹",
        "names": "域名",
        "addresses": "地址",
        "issuer": "签发者",
        "served": "使用于",
        "file": "文件",
        "pinned": "客户端锁定其指纹",
        "by_name": "客户端按域名校验",
        "comma": "，",
        "valid": "有效期至 {date}，还有 {days} 天",
        "soon": "有效期至 {date}，只剩 {days} 天：请用 tailhub cert renew 生成下一张",
        "expired": "已于 {date} 过期",
        "not_yet": "{start} 之前无效：时钟是否正确？",
        "unserved": "没有监听使用它",
        "advertised": "（map 里的那一个）",
        "renewed": "新的锁定用证书已生成。客户端目前不受任何影响。",
        "step_listen": "让它与旧证书并存，使用单独的端口：用下面几行放到配置文件末尾"
        "（tailhub config init 可生成配置文件），取代原有的 listen、hostname、pin 和 [[listen]]，然后重启中继。"
        "客户端会立即重连。",
        "step_open": "让外部能访问：在本机和云控制台的安全组放行 TCP {port}。",
        "step_map": "在客户端使用的 map 里，修改该中继节点的这些值：",
        "step_wait": "等待 map 传到每个客户端，包括现在关机的。在此之前两者都可用："
        "端口 {port} 用旧证书，新端口用新证书。",
        "step_drop": "然后从文件里删掉端口 {port} 的 [[listen]] 一节并重启：此后 tailhub derpmap 输出的就是新指纹。",
    },
}
