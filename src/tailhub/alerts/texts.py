"""The messages: title, what was seen and what that means, what to do. In the template language of findings.

Titles stand behind the relay's name on a phone's lock screen: short. Where a message is a finding, that has the rest.
``EVENT-over`` is the end of what was told. Both languages use the same values.
"""

from __future__ import annotations

from tailhub.findings import Language

__all__ = ["TEXTS"]

_ENGLISH: dict[str, tuple[str, str, str]] = {
    "certificate-expires": (
        "certificate expires [[days?in {days} day[[several?s]]||within a day]]",
        "The certificate for {name} is good until {date}; after that clients refuse the relay.",
        "[[pinned?Clients pin it, so the next one needs another map on all of them: `tailhub cert renew` makes it and "
        "says how to change over.||[[acme?The relay should have renewed it by itself: its log says why it has not."
        "||Renew it where it comes from; the relay takes the new files by itself.]]]]",
    ),
    "certificate-expired": (
        "certificate has expired",
        "The certificate for {name} was good until {date}: clients refuse the relay now.",
        "[[pinned?Clients pin it, so the next one needs another map on all of them: `tailhub cert renew` makes it and "
        "says how to change over.||[[acme?The relay's log says why it was not renewed."
        "||Renew it where it comes from; the relay takes the new files by itself.]]]]",
    ),
    "certificate-renewal": (
        "certificate for {name} is not renewed: {failures} attempts have failed",
        "",
        "",
    ),
    "certificate-over": (
        "certificate is good again",
        "The certificate for {name} that was in trouble has been renewed or replaced.",
        "",
    ),
    "credential-expires": ("credential expires [[days?in {days} day[[several?s]]||within a day]]", "", ""),
    "credential-refused": ("credential is not accepted", "", ""),
    "credential-over": ("credential is good again", "{name} accepts the relay's credential.", ""),
    "quota": (
        "[[over?quota of [[name?{name}||all devices]] is used up"
        "||{percent} % of the quota of [[name?{name}||all devices]] is used]]",
        "[[name?{name}||All devices together]]: {used} of {quota} GB[[cost?, {cost},]] in the month that ends on "
        "{ends}.[[over? Until then it is [[slow?slowed to {slow}||refused]].]]",
        "[[over?`quota_key_gb` and `quota_tenant_gb` say how much there is.]]",
    ),
    "quota-over": (
        "quota of [[name?{name}||all devices]] has room again",
        "[[name?{name}||All devices together]]: within the quota, everything is as usual.",
        "",
    ),
    "verifier-away": (
        "a verifier does not answer",
        "{name} has not answered for {minutes} min: {detail}. Meanwhile [[open?everyone is let in||devices that it "
        "alone knows are refused[[remembers?, but those that were admitted in the last days]]]].",
        "See whether it runs and whether this machine reaches it. `tailhub config check` looks again.",
    ),
    "verifier-over": ("a verifier answers again", "{name} answers again.", ""),
    "unreachable": (
        "nothing comes in from outside",
        "No connection and no STUN request from the Internet for {hours} h[[rate?; before that some {rate} connections "
        "an hour]]. The relay's own port [[here?answers on this machine]][[not_here?does not answer even on this "
        "machine]][[public?, and by its public address too]][[not_public?; not by its public address, as behind many "
        "routers even when all is well]].",
        "Perhaps all devices are asleep. If not: see the firewall, the router's port forwarding, the provider's "
        "security group, and whether the public address is still the one in the map.",
    ),
    "unreachable-over": ("something comes in from outside again", "The relay hears from the Internet again.", ""),
    "update": (
        "tailhub {name} is there",
        "This relay runs {running}; the package index has {name}.",
        "Update it the way it was installed, then restart it: `pip install --upgrade tailhub`, `pipx upgrade tailhub` "
        "or `uv tool upgrade tailhub`.",
    ),
    "workers": (
        "workers end again and again",
        "{count} workers ended and were started again in the last {minutes} min; their clients lost the connection for "
        "a moment each time.",
        "The relay's log says why. Often it is memory: `journalctl -k` then has a line of the kernel's.",
    ),
    "workers-over": ("workers run steadily again", "No worker has ended for half an hour.", ""),
    "store-away": ("the store cannot be written", "", ""),
    "store-over": ("the store can be written again", "What was counted meanwhile has been written.", ""),
    "mesh-down": ("no mesh link to {name}", "", ""),
    "mesh-half": ("the mesh is half up: {name}", "", ""),
    "mesh-over": ("the mesh is whole again: {name}", "What was wrong with {name} is so no longer.", ""),
    "summary": ("{count} more messages", "More than may be sent in an hour; these were held back:", ""),
    "summary-more": ("", "and {count} more", ""),
    "test": (
        "test message",
        "This is a test from `tailhub notify test`: messages of this relay arrive here.",
        "",
    ),
}

_CHINESE: dict[str, tuple[str, str, str]] = {
    "certificate-expires": (
        "证书[[days?还有 {days} 天到期||一天之内到期]]",
        "{name} 的证书有效期到 {date}；之后客户端会拒绝此中继。",
        "[[pinned?客户端锁定了这张证书，换新证书需要在所有客户端换 map：`tailhub cert renew` 会生成新证书并说明"
        "怎样切换。"
        "||[[acme?中继本应自行续期：原因见它的日志。||请在证书的来源处续期；中继会自动换用新文件。]]]]",
    ),
    "certificate-expired": (
        "证书已过期",
        "{name} 的证书有效期到 {date}：客户端现在拒绝此中继。",
        "[[pinned?客户端锁定了这张证书，换新证书需要在所有客户端换 map：`tailhub cert renew` 会生成新证书并说明"
        "怎样切换。"
        "||[[acme?没有续期的原因见中继的日志。||请在证书的来源处续期；中继会自动换用新文件。]]]]",
    ),
    "certificate-renewal": (
        "{name} 的证书没有续期：已失败 {failures} 次",
        "",
        "",
    ),
    "certificate-over": ("证书恢复正常", "{name} 有问题的证书已续期或换掉。", ""),
    "credential-expires": ("凭据[[days?还有 {days} 天到期||一天之内到期]]", "", ""),
    "credential-refused": ("凭据不被接受", "", ""),
    "credential-over": ("凭据恢复正常", "{name} 接受中继的凭据。", ""),
    "quota": (
        "[[name?{name}||所有设备]]的配额[[over?已用完||已用 {percent} %]]",
        "[[name?{name}||所有设备合计]]：在 {ends} 结束的计费月里已用 {used} GB，配额 {quota} GB[[cost?，费用 {cost}]]。"
        "[[over?在此之前[[slow?限速为 {slow}||拒绝使用]]。]]",
        "[[over?配额由 `quota_key_gb` 和 `quota_tenant_gb` 设定。]]",
    ),
    "quota-over": (
        "[[name?{name}||所有设备]]的配额又有余量",
        "[[name?{name}||所有设备合计]]：未超出配额，一切照常。",
        "",
    ),
    "verifier-away": (
        "有验证者不应答",
        "{name} 已有 {minutes} 分钟不应答：{detail}。这期间[[open?所有设备都会放行||只有它认识的设备会被拒绝"
        "[[remembers?，最近几天放行过的除外]]]]。",
        "请检查它是否在运行，以及本机能否连到它。`tailhub config check` 会再检查一次。",
    ),
    "verifier-over": ("验证者恢复应答", "{name} 恢复应答。", ""),
    "unreachable": (
        "外部没有任何连接进来",
        "已有 {hours} 小时没有来自互联网的连接和 STUN 请求[[rate?；此前每小时约 {rate} 个连接]]。中继自己的端口"
        "[[here?在本机能连上]][[not_here?在本机也连不上]][[public?，用公网地址也能连上]]"
        "[[not_public?；用公网地址连不上，但许多路由器后面本来就如此]]。",
        "也许所有设备都在休眠。如果不是：请检查防火墙、路由器的端口转发、云服务商的安全组，"
        "以及公网地址是否仍是 map 里的那个。",
    ),
    "unreachable-over": ("外部又有连接进来", "中继又收到了来自互联网的连接。", ""),
    "update": (
        "tailhub {name} 已发布",
        "此中继运行的是 {running}；软件包索引里有 {name}。",
        "请按安装时的方式更新，然后重启中继：`pip install --upgrade tailhub`、`pipx upgrade tailhub` 或 "
        "`uv tool upgrade tailhub`。",
    ),
    "workers": (
        "工作进程反复退出",
        "最近 {minutes} 分钟里有 {count} 个工作进程退出并重新启动；每次它们的客户端都会短暂断开。",
        "原因见中继的日志。常见原因是内存不足：此时 `journalctl -k` 里有内核的记录。",
    ),
    "workers-over": ("工作进程恢复稳定", "半小时以来没有工作进程退出。", ""),
    "store-away": ("存储无法写入", "", ""),
    "store-over": ("存储恢复写入", "这期间的计数已写入。", ""),
    "mesh-down": ("没有到 {name} 的 mesh 链路", "", ""),
    "mesh-half": ("mesh 不完整：{name}", "", ""),
    "mesh-over": ("mesh 恢复完整：{name}", "{name} 的问题已不存在。", ""),
    "summary": ("另有 {count} 条消息", "超出一小时内可发送的条数，以下消息被暂缓：", ""),
    "summary-more": ("", "以及另外 {count} 条", ""),
    "test": (
        "测试消息",
        "这是 `tailhub notify test` 发出的测试：此中继的消息能送到这里。",
        "",
    ),
}

TEXTS: dict[Language, dict[str, tuple[str, str, str]]] = {"en": _ENGLISH, "zh": _CHINESE}
"""By language and name: title, what, remedy."""
