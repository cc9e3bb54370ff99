"""The words of ``tailhub probe`` in English and Chinese. What figures are called in a sentence: `tools.probe.words`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tailhub.findings import Language

__all__ = ["TEXTS"]

TEXTS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "setup": "{rate:g} a second, {size} B each",
        "connecting": "connecting",
        "bandwidth": "Bandwidth",
        "up": "connected",
        "down": "no connection",
        "some_down": "{count} of {all} without a connection",
        "path": "through",
        "loss": "loss",
        "mean": "mean",
        "p50": "p50",
        "p99": "p99",
        "max": "most",
        "jitter": "jitter",
        "queue": "waiting",
        "stun": "STUN",
        "away": "gone",
        "sent": "sent",
        "time_title": "Delay over time",
        "p99_scale": "99 % of each {step}, to {top}; below: lost",
        "histogram_title": "How often",
        "pairs_title": "Between homes (p50; who asks: left)",
        "key_quit": "quit",
        "key_all": "all of it",
        "key_choose": "choose",
        "line": "{time}  {path}  {received}/{sent} came, {p50} p50, {p99} p99, {max} most, jitter {jitter}, "
        "waiting {queue}",
        "line_nothing": "{time}  {path}  nothing came of {sent} sent, {missed} could not be sent{reason}",
        "summary": "{path}: {sentence}.",
        "was_away": "  {time}  gone for {span}: {reason}",
        "is_away": "  {time}  gone since then: {reason}",
        "away_from_start": "  never connected: {reason}",
        "unchecked": "{relay}: no certificate is checked, as nobody said what it should be; --pin says it.",
        "pair": "{asks} → {asked}: {loss} lost, {p50} p50, {p99} p99, {max} most",
        "pairs": "Round trips of a device here whose home is the first, asking one here whose home is the second:",
    },
    "zh": {
        "setup": "每秒 {rate:g} 个，每个 {size} B",
        "connecting": "正在连接",
        "bandwidth": "带宽",
        "up": "已连接",
        "down": "无连接",
        "some_down": "{all} 条中有 {count} 条没有连接",
        "path": "经由",
        "loss": "丢包",
        "mean": "平均",
        "p50": "p50",
        "p99": "p99",
        "max": "最大",
        "jitter": "抖动",
        "queue": "排队",
        "stun": "STUN",
        "away": "断开",
        "sent": "发出",
        "time_title": "延迟随时间",
        "p99_scale": "每 {step} 的 99 %，至 {top}；下方：丢包",
        "histogram_title": "分布",
        "pairs_title": "区域之间（p50；左边发问）",
        "key_quit": "退出",
        "key_all": "全程",
        "key_choose": "选择",
        "line": "{time}  {path}  收到 {received}/{sent}，p50 {p50}，p99 {p99}，最大 {max}，抖动 {jitter}，排队 {queue}",
        "line_nothing": "{time}  {path}  发出 {sent} 个，一个也没收到；{missed} 个未能发出{reason}",
        "summary": "{path}：{sentence}。",
        "was_away": "  {time}  断开 {span}：{reason}",
        "is_away": "  {time}  断开至今：{reason}",
        "away_from_start": "  始终未连上：{reason}",
        "unchecked": "{relay}：不检查证书，因为没有说明它应当是什么；可用 --pin 说明。",
        "pair": "{asks} → {asked}：丢包 {loss}，p50 {p50}，p99 {p99}，最大 {max}",
        "pairs": "本机一台以前者为家的设备，询问本机另一台以后者为家的设备，往返如下：",
    },
}
