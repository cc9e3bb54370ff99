"""What the findings of `tailhub.findings.access` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH210": (
        "No tailscaled answers at {path}: {reason}. While that is so, it admits nobody.",
        "[[mounted?The socket itself is mounted there, and tailscaled has made a new one since: mount its directory "
        "instead, `-v {parent}:{parent}`, and start the container again."
        "||[[denied?Let this user open it, as root or in the socket's group; a rootless container needs the socket's "
        "owner as its user."
        "||Start tailscaled on this machine (`sudo systemctl start tailscaled`), or say where its socket is, "
        "`{setting:=FILE}`; in a container mount the socket's directory, `-v /var/run/tailscale:/var/run/tailscale`."
        "]]]]",
    ),
    "TH211": (
        "The tailscaled at {path} is not connected to its tailnet (it says {state}), so it knows nobody and admits "
        "nobody.",
        "Connect it: `sudo tailscale up`",
    ),
    "TH212": (
        "{url} cannot be reached: {reason}.",
        "See whether the program there runs and this machine may connect to it, `curl -v {url!q}`; or name another "
        "one, `{setting:=https://HOST/PATH}`.",
    ),
    "TH213": (
        "While {url} cannot be reached, everyone may relay through you ({setting}).",
        "To refuse strangers then too: [[off?`{off}`||`{setting:=false}`]]",
    ),
    "TH214": (
        "{setting}: expected a URL, found `{text}`.",
        "As in `{setting:=https://headscale.example.com/verify}`; http and https are possible.",
    ),
    "TH215": (
        "{setting} has no effect without {missing}.",
        "Give both, or neither.",
    ),
    "TH280": (
        "{setting}: expected hold or close, found {text}.",
        "hold keeps a refused client's connection open, so that its user reads why and it waits quietly; close ends "
        "it, as the original does.",
    ),
    "TH281": (
        "{setting}: expected at most {most} characters, found {length}.",
        "It is shown in one line of `tailscale status`: say in a sentence or two whom to ask.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
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
    "TH280": (
        "{setting}：应为 hold 或 close，实际为 {text}。",
        "hold 保持被拒绝的客户端的连接，让其用户看到原因，客户端也安静等待；close 与原版一样直接断开。",
    ),
    "TH281": (
        "{setting}：最多 {most} 个字符，实际有 {length} 个。",
        "它显示在 `tailscale status` 的一行里：用一两句话说明可以找谁即可。",
    ),
}
