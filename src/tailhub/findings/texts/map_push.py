"""What the findings of `tailhub.findings.map_push` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH500": Text(
        "{setting}: expected `tailscale` or a file with its whole path, found `{to}`.",
        "Write `{setting:=tailscale}`, or the file that Headscale's derp.paths names: "
        "`{setting:=/etc/headscale/derp.yaml}`.",
    ),
    "TH501": Text(
        "The map cannot be pushed to {place}: {reason}.",
        "[[is_file?Give the relay's user a directory of its own for the file; a service needs `ReadWritePaths=DIR` "
        "besides, by `sudo systemctl edit tailhub`.||See whether it can be reached from here.]] A relay that pushes by "
        "itself tries again.",
    ),
    "TH502": Text(
        "Region {region} at {place} was changed by somebody else ({fields}); a push would undo that.",
        "Look at the difference, `tailhub derpmap push --dry-run`, and if yours is right: "
        "`tailhub derpmap push --force`.",
    ),
    "TH503": Text(
        "{place} would not take the policy with this change: {reason}.",
        "Mend the policy there; its own tests count too.",
    ),
    "TH504": Text(
        "{place} was changed while this was at it; nothing was written.",
        "Run it again; a relay that pushes by itself does.",
    ),
    "TH505": Text(
        "{place}: the credential does not give the right to change the policy ({reason}).",
        "Make an OAuth client with the scope `policy_file` (Tailscale's console: Policy File, Write), or an access "
        "token of an admin, and put its secret alone into the file.",
    ),
    "TH506": Text(
        "There is no terminal to ask whether {place} shall be changed.",
        "Look first, `tailhub derpmap push --dry-run`, then: `tailhub derpmap push --yes`.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH500": Text(
        "{setting}：应为 `tailscale` 或带完整路径的文件，实际是 `{to}`。",
        "请写 `{setting:=tailscale}`，或 Headscale 的 derp.paths 所指的文件：`{setting:=/etc/headscale/derp.yaml}`。",
    ),
    "TH501": Text(
        "无法把 map 推送到 {place}：{reason}。",
        "[[is_file?请为该文件准备一个归中继用户所有的目录；作为服务运行时还需用 `sudo systemctl edit tailhub` 加上 "
        "`ReadWritePaths=DIR`。||请检查从这里能否访问。]]自行推送的中继会重试。",
    ),
    "TH502": Text(
        "{place} 中的区域 {region} 已被别人修改（{fields}）；推送会撤销该修改。",
        "请查看差异，`tailhub derpmap push --dry-run`；如果您的内容是对的：`tailhub derpmap push --force`。",
    ),
    "TH503": Text(
        "{place} 不接受带有此修改的策略：{reason}。",
        "请在那里修正策略；策略自带的测试也必须通过。",
    ),
    "TH504": Text(
        "操作期间 {place} 被修改；没有写入任何内容。",
        "请再运行一次；自行推送的中继会自动重试。",
    ),
    "TH505": Text(
        "{place}：该凭据无权修改策略（{reason}）。",
        "请新建范围为 `policy_file` 的 OAuth client（Tailscale 控制台：Policy File，Write），或管理员的 access token，"
        "并只把它的 secret 写进文件。",
    ),
    "TH506": Text(
        "没有终端可以询问是否要修改 {place}。",
        "请先查看，`tailhub derpmap push --dry-run`，然后：`tailhub derpmap push --yes`。",
    ),
}
