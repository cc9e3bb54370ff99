"""What the findings of `tailhub.findings.fronts` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH130": (
        "{option}: expected an IP address or a network, found `{text}`.",
        "[[suggestion?Write `{option:={suggestion}}`.||As in `{option:=127.0.0.1}` or `{option:=10.0.0.0/8}`: the "
        "addresses from which the proxy connects.]]",
    ),
    "TH131": (
        "{option}: expected NAME=HOST:PORT, each name once, found `{text}`.",
        "As in `{option:=www.example.com=127.0.0.1:4443}`, `{option:=*.example.com=unix:/run/web.sock}`, or for all "
        "other names `{option:=*=127.0.0.1:4443}`; `{option:=*=proxy:127.0.0.1:4443}` tells that server the client's "
        "address with a PROXY header, for which it must be set up.",
    ),
    "TH132": (
        "{option} gives {name} to another server, and that is the relay's own name.",
        "Take it out: what is for `*` never includes it.",
    ),
    "TH133": (
        "{option} needs TLS: without it a client asks for no name.",
        "Leave it out, or let the relay speak TLS itself: `{tls:=true}`.",
    ),
    "TH234": (
        "{option}: `{text}` leads back to the relay itself.",
        "Name the socket of the other server, or leave it out.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH130": (
        "{option}：应为 IP 地址或网段，实际是 `{text}`。",
        "[[suggestion?请写 `{option:={suggestion}}`。||例如 `{option:=127.0.0.1}` 或 `{option:=10.0.0.0/8}`："
        "填写代理连过来时所用的地址。]]",
    ),
    "TH131": (
        "{option}：应为 NAME=HOST:PORT，每个域名只写一次，实际是 `{text}`。",
        "例如 `{option:=www.example.com=127.0.0.1:4443}`、`{option:=*.example.com=unix:/run/web.sock}`；"
        "其余所有域名写 `{option:=*=127.0.0.1:4443}`；`{option:=*=proxy:127.0.0.1:4443}` 会用 PROXY 头把客户端地址告诉"
        "那台服务器，那边也要相应设置。",
    ),
    "TH132": (
        "{option} 把 {name} 转给了别的服务器，而它是中继自己的域名。",
        "请去掉这一项：`*` 从不包括它。",
    ),
    "TH133": (
        "{option} 需要 TLS：没有 TLS，客户端不会说明要找哪个域名。",
        "请去掉它，或由中继自己处理 TLS：`{tls:=true}`。",
    ),
    "TH234": (
        "{option}：`{text}` 又指回中继自己。",
        "请写另一个服务器的套接字，或去掉它。",
    ),
}
