"""What the findings of `tailhub.findings.access` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH210": (
        "No tailscaled answers at {path}: {reason}. While that is so, it admits nobody.",
        "[[mounted?The socket itself is mounted there, and tailscaled has made a new one since: mount its directory "
        "instead, `-v {parent}:{parent}`, and start the container again."
        "||[[denied?Let this user open it, as root or in the socket's group; a rootless container needs the socket's "
        "owner as its user."
        "||Start tailscaled on this machine (`sudo systemctl start tailscaled`), or say where its socket is, "
        "`{setting:=FILE}`; in a container mount the socket's directory, `-v /var/run/tailscale:/var/run/tailscale`."
        "]]]]",
        "It does not run, its socket is elsewhere, or the relay may not open it. In a container the socket must be "
        "mounted with its directory, because tailscaled makes a new one at each start.",
        "Clients that are not remembered are refused, those that are in stay: it often shows only when somebody "
        "reconnects.",
    ),
    "TH211": (
        "The tailscaled at {path} is not connected to its tailnet (it says {state}), so it knows nobody and admits "
        "nobody.",
        "Connect it: `sudo tailscale up`",
        "It runs, but is logged out, stopped or waits for approval; without its tailnet it has no list of peers.",
        "Clients that are not remembered are refused, those that are in stay.",
    ),
    "TH212": (
        "{url} cannot be reached: {reason}.",
        "See whether the program there runs and this machine may connect to it, `curl -v {url!q}`; or name another "
        "one, `{setting:=https://HOST/PATH}`.",
        "The program there does not run, its name does not resolve, its certificate is not trusted, or a firewall "
        "is in between.",
        "Clients that are not remembered are refused, unless the relay is told to let everyone in then; those that "
        "are in stay.",
    ),
    "TH213": (
        "While {url} cannot be reached, everyone may relay through you ({setting}).",
        "To refuse strangers then too: [[off?`{off}`||`{setting:=false}`]]",
        "The relay was told to rather let strangers in than lock its own out.",
        "Whoever finds the relay may use it until the verifier answers again.",
    ),
    "TH214": (
        "{setting}: expected a URL, found `{text}`.",
        "As in `{setting:=https://headscale.example.com/verify}`; http and https are possible.",
        "What stands there cannot be asked, so the relay does not start with it.",
        "The relay goes on with what it had, or does not start.",
    ),
    "TH215": (
        "{setting} has no effect without {missing}.",
        "Give both, or neither.",
        "One of two settings that belong together is missing: perhaps it is misspelt, or in another section.",
        "Nobody is asked in this way, so that more or fewer clients may come in than was meant.",
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

CHINESE: dict[str, tuple[str, ...]] = {
    "TH210": (
        "{path} 处没有 tailscaled 应答：{reason}。在此期间它不放行任何设备。",
        "[[mounted?那里挂载的是 socket 文件本身，而 tailscaled 后来新建了一个：请改为挂载它的目录，"
        "`-v {parent}:{parent}`，然后重新启动容器。"
        "||[[denied?请让当前用户能打开它：用 root，或加入该 socket 的用户组；rootless 容器要以 socket "
        "属主的身份运行。"
        "||请在本机启动 tailscaled（`sudo systemctl start tailscaled`），或写明它的 socket 在哪里，"
        "`{setting:=FILE}`；"
        "在容器里请挂载 socket 所在的目录，`-v /var/run/tailscale:/var/run/tailscale`。]]]]",
        "它没有运行，它的 socket 在别处，或中继无权打开。在容器里必须连同目录一起挂载 socket，因为 tailscaled "
        "每次启动都会新建一个。",
        "没有记住的客户端会被拒绝，已经连着的不受影响：往往要等有人重新连接才会发现。",
    ),
    "TH211": (
        "{path} 处的 tailscaled 没有连上它的 tailnet（它的状态是 {state}），因此谁也不认识，也不放行任何设备。",
        "让它连上：`sudo tailscale up`",
        "它在运行，但已注销、已停止或在等待批准；没有 tailnet 就没有设备列表。",
        "没有记住的客户端会被拒绝，已经连着的不受影响。",
    ),
    "TH212": (
        "连不上 {url}：{reason}。",
        "请检查那里的程序是否在运行、本机能否连接，`curl -v {url!q}`；或换一个，`{setting:=https://HOST/PATH}`。",
        "那里的程序没有运行、名称解析不到、证书不受信任，或中间有防火墙。",
        "没有记住的客户端会被拒绝，除非让中继在这种时候全部放行；已经连着的不受影响。",
    ),
    "TH213": (
        "{url} 连不上时，任何人都能使用这台中继（{setting}）。",
        "要在那时也拒绝陌生人：[[off?`{off}`||`{setting:=false}`]]",
        "中继被设为宁可放进陌生人，也不把自己人关在外面。",
        "在验证程序恢复应答之前，找到中继的人都能使用它。",
    ),
    "TH214": (
        "{setting}：应为网址，实际是 `{text}`。",
        "例如 `{setting:=https://headscale.example.com/verify}`；可以用 http 或 https。",
        "那里写的东西无法询问，因此中继不会以它启动。",
        "中继继续用原来的设置，或者不启动。",
    ),
    "TH215": (
        "没有 {missing}，{setting} 不起作用。",
        "请两个都写，或都不写。",
        "两个相关的设置缺了一个：也许拼错了，或写在了别的小节。",
        "没有以这种方式询问，因此放进来的客户端可能比预想的多或少。",
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
