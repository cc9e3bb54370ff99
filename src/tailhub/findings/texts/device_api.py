"""What the findings of `tailhub.findings.device_api` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH250": (
        "{url} cannot be reached: {reason}.",
        "[[clock?See whether this machine's clock is right, `date -u`; if it is, the server needs a new certificate."
        "||See whether this machine may connect to it, `curl -v {url!q}`, or name another one: "
        "`{setting:=https://HOST}`.]]",
        "The API does not answer: its name does not resolve, its certificate is not trusted, it does not run, or a "
        "firewall is in between.",
        "The last list counts for some minutes; after that, devices that are not remembered are refused.",
    ),
    "TH251": (
        "{url} does not accept the credential ({reason}): it has expired, was revoked, or is for something else.",
        "[[headscale?Make a new API key, `headscale apikeys create`, and give it in {setting}."
        "||Make a new one at https://login.tailscale.com/admin/settings/oauth, with the scope `devices:core:read` "
        "(an "
        "OAuth client does not expire), and give its secret in {setting}.]]",
        "API keys and access tokens have an end, and can be revoked; an OAuth client of Tailscale has none.",
        "The list of devices is not read any more: new devices are refused, and after some minutes whoever is not "
        "remembered.",
    ),
    "TH252": (
        "{url} knows the credential in {setting}, which may not read devices ({reason}).",
        "Give the OAuth client the scope `devices:core:read` (in Tailscale's console: Devices, Core, Read); an "
        "access "
        "token has its owner's rights, who must be an admin.",
        "The credential was made for something else.",
        "The list of devices cannot be read: devices that are not remembered are refused.",
    ),
    "TH253": (
        "{url} knows no such tailnet ({reason}).",
        "Leave {setting} out, which means the credential's own tailnet, or write the tailnet's ID or its name as the "
        "console's General settings show it: `{setting:=example.com}`.",
        "The name is that of another tailnet, or is misspelt.",
        "The list of devices cannot be read: devices that are not remembered are refused.",
    ),
    "TH254": (
        "{url} answers with something that is no list of devices: {reason}.",
        "See whether that is the API's URL, without a path of its own, and no proxy answers in its place: "
        "`{setting:=https://HOST}`.",
        "Something else answers: a proxy, a login page, or a path that belongs to another program.",
        "The list of devices cannot be read: devices that are not remembered are refused.",
    ),
    "TH255": (
        "The credential for {url} expires on {at}[[days?, in {days} days]]; from then on its list of devices "
        "cannot be "
        "read.",
        "[[headscale?Make a new API key, `headscale apikeys create --expiration 365d`, and give it in {setting}."
        "||Make an OAuth client, which does not expire, at https://login.tailscale.com/admin/settings/oauth with the "
        "scope `devices:core:read`; or a new access token for {setting}.]]",
        "Such credentials have an end, and nobody renews them by himself.",
        "Nothing as yet. From that day new devices are refused, and a little later whoever is not remembered.",
    ),
    "TH256": (
        "[[path?{path}, which {setting} names:||{setting}:]] expected {expected}, found {found}.",
        "Give what the other side showed when it was made, whole and on one line, and nothing else.",
        "The file or the setting has something else in it: nothing, several lines, or a secret of another kind.",
        "The relay does not start with it, or cannot read the list of devices any more.",
    ),
    "TH257": (
        "{setting}: expected a URL[[more? without user, password and query]], found `{text}`[[more? with more]].",
        "As in `{setting:={example}}`; http and https are possible.",
        "What stands there cannot be asked, so the relay does not start with it.",
        "The relay goes on with what it had, or does not start.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH250": (
        "连不上 {url}：{reason}。",
        "[[clock?请检查本机时钟是否正确，`date -u`；若正确，则是服务器需要换新证书。"
        "||请检查本机能否连接它，`curl -v {url!q}`；或写另一个：`{setting:=https://HOST}`。]]",
        "API 没有应答：名称解析不到、证书不受信任、没有运行，或中间有防火墙。",
        "上一次的列表还有效几分钟；之后没有记住的设备会被拒绝。",
    ),
    "TH251": (
        "{url} 不接受该凭据（{reason}）：它已过期、已被吊销，或者不是用在这里的。",
        "[[headscale?请新建 API key，`headscale apikeys create`，然后写进 {setting}。"
        "||请在 https://login.tailscale.com/admin/settings/oauth 新建一个，范围为 "
        "`devices:core:read`（OAuth client 不会过期），然后把它的 secret 写进 {setting}。]]",
        "API key 和 access token 有期限，也可能被吊销；Tailscale 的 OAuth client 没有期限。",
        "不再能读到设备列表：新设备会被拒绝，几分钟后没有记住的设备也会。",
    ),
    "TH252": (
        "{url} 认得 {setting} 里的凭据，但它无权读取设备（{reason}）。",
        "请给该 OAuth client 加上范围 `devices:core:read`（Tailscale 控制台里：Devices、Core、Read）；access token 的"
        "权限与其主人相同，其主人须为管理员。",
        "该凭据是为别的用途新建的。",
        "读不到设备列表：没有记住的设备会被拒绝。",
    ),
    "TH253": (
        "{url} 不认识这个 tailnet（{reason}）。",
        "请去掉 {setting}，即凭据自己的 tailnet；或按控制台 General 设置里显示的写 tailnet 的 ID 或名称："
        "`{setting:=example.com}`。",
        "该名称属于另一个 tailnet，或拼写有误。",
        "读不到设备列表：没有记住的设备会被拒绝。",
    ),
    "TH254": (
        "{url} 的回答不是设备列表：{reason}。",
        "请检查那是不是该 API 的网址（不带它自己的路径），以及是不是有代理在替它回答：`{setting:=https://HOST}`。",
        "应答的是别的东西：代理、登录页，或属于另一个程序的路径。",
        "读不到设备列表：没有记住的设备会被拒绝。",
    ),
    "TH255": (
        "用于 {url} 的凭据将于 {at} 过期[[days?（还有 {days} 天）]]；此后读不到它的设备列表。",
        "[[headscale?请新建 API key，`headscale apikeys create --expiration 365d`，然后写进 {setting}。"
        "||请在 https://login.tailscale.com/admin/settings/oauth 新建不会过期的 OAuth client，范围为 "
        "`devices:core:read`；或为 {setting} 新建 access token。]]",
        "这类凭据有期限，不会自动续期。",
        "目前没有影响。从那天起新设备会被拒绝，稍后没有记住的设备也会。",
    ),
    "TH256": (
        "[[path?{setting} 指定的 {path}：||{setting}：]]应为 {expected}，实际是 {found}。",
        "请原样写上对方在新建它时显示的内容：完整、一行、别无其他。",
        "文件或设置里是别的内容：空的、多行的，或另一种密钥。",
        "中继不会以它启动，或不再能读到设备列表。",
    ),
    "TH257": (
        "{setting}：应为网址[[more?，不带用户名、密码和查询]]，实际是 `{text}`[[more?，并带有其他内容]]。",
        "例如 `{setting:={example}}`；可以用 http 或 https。",
        "那里写的东西无法询问，因此中继不会以它启动。",
        "中继继续用原来的设置，或者不启动。",
    ),
}
