"""What the findings of `tailhub.findings.device_api` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH250": (
        "{url} cannot be reached: {reason}.",
        "[[clock?See whether this machine's clock is right, `date -u`; if it is, the server needs a new certificate."
        "||See whether this machine may connect to it, `curl -v {url!q}`, or name another one: "
        "`{setting:=https://HOST}`.]]",
    ),
    "TH251": (
        "{url} does not accept the credential ({reason}): it has expired, was revoked, or is for something else.",
        "[[headscale?Make a new API key, `headscale apikeys create`, and give it in {setting}."
        "||Make a new one at https://login.tailscale.com/admin/settings/oauth, with the scope `devices:core:read` (an "
        "OAuth client does not expire), and give its secret in {setting}.]]",
    ),
    "TH252": (
        "{url} knows the credential in {setting}, which may not read devices ({reason}).",
        "Give the OAuth client the scope `devices:core:read` (in Tailscale's console: Devices, Core, Read); an access "
        "token has its owner's rights, who must be an admin.",
    ),
    "TH253": (
        "{url} knows no such tailnet ({reason}).",
        "Leave {setting} out, which means the credential's own tailnet, or write the tailnet's ID or its name as the "
        "console's General settings show it: `{setting:=example.com}`.",
    ),
    "TH254": (
        "{url} answers with something that is no list of devices: {reason}.",
        "See whether that is the API's URL, without a path of its own, and no proxy answers in its place: "
        "`{setting:=https://HOST}`.",
    ),
    "TH255": (
        "The credential for {url} expires on {at}[[days?, in {days} days]]; from then on its list of devices cannot be "
        "read.",
        "[[headscale?Make a new API key, `headscale apikeys create --expiration 365d`, and give it in {setting}."
        "||Make an OAuth client, which does not expire, at https://login.tailscale.com/admin/settings/oauth with the "
        "scope `devices:core:read`; or a new access token for {setting}.]]",
    ),
    "TH256": (
        "[[path?{path}, which {setting} names:||{setting}:]] expected {expected}, found {found}.",
        "Give what the other side showed when it was made, whole and on one line, and nothing else.",
    ),
    "TH257": (
        "{setting}: expected a URL[[more? without user, password and query]], found `{text}`[[more? with more]].",
        "As in `{setting:={example}}`; http and https are possible.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
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
}
