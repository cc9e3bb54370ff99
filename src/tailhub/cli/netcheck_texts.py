"""The words of ``tailhub netcheck``."""

from __future__ import annotations

from collections.abc import Mapping

from tailhub.findings import Language

__all__ = ["TEXTS"]

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "title": "map of {origin}   regions: {regions}   relays: {nodes}",
        "relay": "your relay",
        "tailnet": "this machine's tailnet",
        "stdin": "standard input",
        "region": "region",
        "node": "relay",
        "v4": "STUN v4",
        "v6": "STUN v6",
        "tcp": "TCP",
        "tls": "TLS",
        "login": "login",
        "ping": "ping",
        "home": "home",
        "why": "why",
        "also": "note",
        "address": "seen as",
        "nat": "NAT",
        "none": "none",
        "nothing": "There is no relay in this map.",
        "measuring": "measuring",
        "legend": "Milliseconds. TCP, TLS and login are each counted from the first packet;"
        " ping is through DERP, to the relay and back.",
        "step_tcp": "TCP",
        "step_tls": "TLS",
        "step_login": "login",
        "colon": ": ",
        "stun_only": "STUN only",
    },
    "zh": {
        "title": "map：{origin}   区域：{regions}   中继：{nodes}",
        "relay": "本机的中继",
        "tailnet": "本机所在的 tailnet",
        "stdin": "标准输入",
        "region": "区域",
        "node": "中继",
        "v4": "STUN v4",
        "v6": "STUN v6",
        "tcp": "TCP",
        "tls": "TLS",
        "login": "登录",
        "ping": "ping",
        "home": "home",
        "why": "原因",
        "also": "说明",
        "address": "外部看到",
        "nat": "NAT",
        "none": "无",
        "nothing": "这份 map 中没有中继。",
        "measuring": "正在测量",
        "legend": "单位为毫秒。TCP、TLS 和登录均从第一个数据包算起；ping 为经 DERP 到中继往返。",
        "step_tcp": "TCP",
        "step_tls": "TLS",
        "step_login": "登录",
        "colon": "：",
        "stun_only": "仅 STUN",
    },
}
