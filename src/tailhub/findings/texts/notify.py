"""What the findings of `tailhub.findings.notify` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH344": (
        "{setting} names somebody to send messages to, and the Python package apprise that sends them is not "
        "installed.",
        "Add it to where the relay is installed: `pip install 'tailhub[notify]'`; with pipx `pipx inject tailhub "
        "apprise`, with uv `uv tool install 'tailhub[notify]'`.",
    ),
    "TH345": (
        "{place}: address {number} is none that messages can be sent to"
        "[[scheme?: no service is called `{scheme}`||: something is missing or is written otherwise]].",
        "Write it as apprise does, for example `ntfy://TOPIC` or `mailto://USER:PASSWORD@HOST`; a webhook is "
        "`json://HOST/PATH`, or `jsons://HOST/PATH` with TLS.",
    ),
    "TH346": (
        "A message about the relay could not be sent by {target}: {reason}.",
        "It is tried again for an hour. Try it out with `tailhub notify test`.",
    ),
    "TH347": (
        "{what} needs somebody to send messages to, and nobody is named.",
        'Name one, in the configuration file for example `notify = ["ntfy://TOPIC"]`.',
    ),
    "TH348": (
        "{path}, which {setting} names, has no address that messages could be sent to.",
        "Write one a line, for example `ntfy://TOPIC`.",
    ),
    "TH349": (
        "The package index {url} does not say which version is the newest: {reason}.",
        "It is asked again tomorrow. See whether this machine may connect to it, or name another one in {setting}.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH344": (
        "{setting} 写了消息发给谁，但没有安装用来发送的 Python 软件包 apprise。",
        "请装到中继所在的环境：`pip install 'tailhub[notify]'`；pipx 用 `pipx inject tailhub apprise`，uv 用 "
        "`uv tool install 'tailhub[notify]'`。",
    ),
    "TH345": (
        "{place}：第 {number} 个地址不能用来发送消息[[scheme?：没有名为 `{scheme}` 的服务||：缺了内容或写法不对]]。",
        "请按 apprise 的写法，例如 `ntfy://TOPIC` 或 `mailto://USER:PASSWORD@HOST`；webhook 写作 "
        "`json://HOST/PATH`，有 TLS 时为 `jsons://HOST/PATH`。",
    ),
    "TH346": (
        "关于中继的消息没能经 {target} 发出：{reason}。",
        "一小时内会继续重试。请用 `tailhub notify test` 试试。",
    ),
    "TH347": (
        "{what} 需要写明消息发给谁，现在没有写。",
        '请写一个，例如在配置文件里写 `notify = ["ntfy://TOPIC"]`。',
    ),
    "TH348": (
        "{setting} 指定的 {path} 里没有可以发送消息的地址。",
        "请每行写一个，例如 `ntfy://TOPIC`。",
    ),
    "TH349": (
        "软件包索引 {url} 没有给出最新版本：{reason}。",
        "明天会再查一次。请检查本机能否连到它，或在 {setting} 里写另一个。",
    ),
}
