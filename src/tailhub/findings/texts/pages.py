"""What the findings of `tailhub.findings.pages` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH335": (
        "expected a Host header with an IP address, localhost or the relay's own name, found [[name?`{name}`||none]].",
        "Use one of those in the address; the relay's own name is the setting `hostname`.",
    ),
    "TH336": (
        "a page of another website asked for this, which may neither see nor change anything here.",
        "Type the address of the dashboard into the browser, or open it from a bookmark. A proxy in front must leave "
        "the Host header as it is.",
    ),
    "TH337": (
        "[[wrong?this is not the operator's token||this needs the operator's token]].",
        "Send `Authorization: Bearer TOKEN`; the token is in `operator.token` in the state directory, and `tailhub "
        "dashboard` shows it.",
    ),
    "TH338": (
        "the relay's process does not answer: it hangs, or is too busy.",
        "Look at its log, and at its CPU use; if that does not change, restart it.",
    ),
    "TH339": (
        "{place}: [[token?a relay that is asked over http(s) wants its token: `{found}`||[[name?a relay's name has 1 "
        "to 63 printable characters: `{found}`||expected the URL of a relay's operator's pages, found `{found}`]]]].",
        "Write `http://TOKEN@HOST:9912`, `https://TOKEN@HOST` or `unix:/PATH/admin.sock`, with `NAME=` before it if "
        "you like; the token is in `operator.token` in that relay's state directory.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH335": (
        "Host 标头应为 IP 地址、localhost 或中继自己的名称，实际为[[name? `{name}`||空]]。",
        "请在网址中使用其中之一；中继自己的名称由设置项 `hostname` 给出。",
    ),
    "TH336": (
        "这一请求来自其他网站的页面；其他网站的页面不能在此查看或更改任何内容。",
        "请在浏览器中直接输入仪表板的网址，或从书签打开。前面若有代理，不要让它改动 Host 标头。",
    ),
    "TH337": (
        "[[wrong?运维令牌不正确||此操作需要运维令牌]]。",
        "请发送 `Authorization: Bearer TOKEN`；令牌在状态目录的 `operator.token` 文件中，"
        "`tailhub dashboard` 也会显示它。",
    ),
    "TH338": (
        "中继进程没有应答：它停住了，或者过于繁忙。",
        "请查看它的日志和 CPU 占用；如果一直如此，请重启它。",
    ),
    "TH339": (
        "{place}：[[token?通过 http(s) 查询其他中继需要它的令牌：`{found}`||[[name?中继的名称为 1 到 63 个可打印字符："
        "`{found}`||应为另一个中继的运维页面的 URL，实际为 `{found}`]]]]。",
        "请写成 `http://TOKEN@HOST:9912`、`https://TOKEN@HOST` 或 `unix:/PATH/admin.sock`，前面可以加上 `NAME=`；"
        "令牌在那个中继的状态目录的 `operator.token` 文件中。",
    ),
}
