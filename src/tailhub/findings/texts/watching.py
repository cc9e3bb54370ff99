"""What the findings of `tailhub.findings.watching` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH340": (
        "{place} does not answer: {reason}.",
        "The relay must run, and its `admin_listen` be an address that can be reached from here, as in "
        '`admin_listen = "100.64.0.7:9912"`; by default that is its own machine\'s loopback address only.',
    ),
    "TH341": (
        "{place} wants a token.",
        "Copy `operator.token` from that relay's state directory, and name it: `--token-file FILE`.",
    ),
    "TH342": (
        "--url: expected where a relay's operator's pages are, found `{url}`.",
        "As in `--url http://100.64.0.7:9912`; a token does not belong into it but into a file: `--token-file FILE`.",
    ),
    "TH343": (
        "{place} answers, but not as this version of tailhub expects: {reason}.",
        "Another program may be there, or a relay of another version: `tailhub --version` shows this one's.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH340": (
        "{place} 没有应答：{reason}。",
        '中继须在运行，并且其 `admin_listen` 须是从这里可以访问的地址，例如 `admin_listen = "100.64.0.7:9912"`；'
        "默认只是它本机的回环地址。",
    ),
    "TH341": (
        "{place} 需要令牌。",
        "请复制该中继状态目录里的 `operator.token`，并指明该文件：`--token-file FILE`。",
    ),
    "TH342": (
        "--url：应为中继运维页面的地址，实际为 `{url}`。",
        "例如 `--url http://100.64.0.7:9912`；令牌不要写在其中，而应放在文件里：`--token-file FILE`。",
    ),
    "TH343": (
        "{place} 有应答，但与此版本的 tailhub 所期待的不同：{reason}。",
        "那里可能是别的程序，或者是另一版本的中继：`tailhub --version` 显示本机的版本。",
    ),
}
