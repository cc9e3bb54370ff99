"""Saying in a few words where an address comes from: for the first screen, in English and Chinese. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailhub.server.address import Found, Source

if TYPE_CHECKING:
    from tailhub.findings.language import Language

_FROM: dict[Language, dict[Source, str]] = {
    "en": {
        Source.FLAG: "from {detail}",
        Source.LISTEN: "from {detail}",
        Source.INTERFACE: "on {detail}",
        Source.METADATA: "from the cloud's metadata ({detail})",
        Source.STUN: "from STUN ({detail})",
        Source.LAN: "on {detail}, a private address: for the local network only",
    },
    "zh": {
        Source.FLAG: "来自 {detail}",
        Source.LISTEN: "来自 {detail}",
        Source.INTERFACE: "来自接口 {detail}",
        Source.METADATA: "来自云平台元数据（{detail}）",
        Source.STUN: "来自 STUN（{detail}）",
        Source.LAN: "接口 {detail} 的私有地址，仅供局域网使用",
    },
}
_NAMES: dict[Language, dict[Source, str]] = {
    "en": {
        Source.FLAG: "the flag",
        Source.LISTEN: "--listen",
        Source.INTERFACE: "the interface",
        Source.METADATA: "metadata",
        Source.STUN: "STUN",
        Source.LAN: "the local network",
    },
    "zh": {
        Source.FLAG: "参数",
        Source.LISTEN: "--listen ",
        Source.INTERFACE: "接口",
        Source.METADATA: "元数据",
        Source.STUN: "STUN ",
        Source.LAN: "局域网",
    },
}
_ELSEWHERE: dict[Language, dict[Source, str]] = {
    "en": {
        Source.METADATA: " (not on an interface: normal here)",
        Source.STUN: " (not on an interface: a router stands before this machine and has to forward the ports)",
    },
    "zh": {
        Source.METADATA: "（不在任何接口上：云主机属正常）",
        Source.STUN: "（不在任何接口上：本机在路由器之后，需在路由器上转发端口）",
    },
}


def describe(found: Found, lang: Language = "en") -> str:
    """Where the address comes from, who agrees, and whether it is on an interface."""
    text = _FROM[lang][found.source].format(detail=found.detail)
    names = [_NAMES[lang][source] for source in found.agreeing]
    if names and lang == "zh":
        text += f"，{'、'.join(names)}一致"
    elif names:
        text += f", {' and '.join(names)} {'agrees' if len(names) == 1 else 'agree'}"
    return text + ("" if found.interface else _ELSEWHERE[lang].get(found.source, ""))
