"""Figures as people say them, and the words of charts, in English and Chinese. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tailhub.findings.language import Language
from tailhub.tools.probe.measurement import PathView

__all__ = ["CHART_WORDS", "figures", "ms", "percent", "rate", "sentence", "span"]

_SENTENCE: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "nothing": "nothing came through",
        "loss": "{loss} lost",
        "delay": "{mean} on average, {max} at most",
        "more": "half within {p50}, 99 % within {p99}",
        "jitter": "jitter {jitter}",
        "queue": "waiting {queue}",
        "late": "late {count}",
        "duplicated": "twice {count}",
        "reordered": "out of order {count}",
        "outage": "gone once, {away}",
        "outages": "gone {count} times, {away} together",
        "missed": "{count} could not be sent",
        "bandwidth": "{rate} with nothing else",
        "limit": "limit {rate}",
        "comma": ", ",
    },
    "zh": {
        "nothing": "没有数据包通过",
        "loss": "丢包 {loss}",
        "delay": "平均 {mean}，最大 {max}",
        "more": "一半在 {p50} 内，99 % 在 {p99} 内",
        "jitter": "抖动 {jitter}",
        "queue": "排队 {queue}",
        "late": "迟到 {count}",
        "duplicated": "重复 {count}",
        "reordered": "乱序 {count}",
        "outage": "断开一次，共 {away}",
        "outages": "断开 {count} 次，共 {away}",
        "missed": "{count} 个未能发出",
        "bandwidth": "单独测得 {rate}",
        "limit": "上限 {rate}",
        "comma": "，",
    },
}

CHART_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "part": "; ",
        "delay": "from here through the relay and back",
        "spread": "least to 99 %",
        "median": "median",
        "most": "most",
        "lost": "lost",
        "away": "no connection",
        "packets": "packets",
        "between": "Round trips between two devices here, by their homes: who asks is left, who is asked on top",
        "beyond": "off the scale: {most}",
    },
    "zh": {
        "part": "；",
        "delay": "从本机经中继返回",
        "spread": "最小至 99 %",
        "median": "中位数",
        "most": "最大",
        "lost": "丢包",
        "away": "无连接",
        "packets": "数据包",
        "between": "本机两台设备之间的往返，按各自的家：左边发问，上边应答",
        "beyond": "超出刻度：{most}",
    },
}


def ms(seconds: float | None) -> str:
    """``0.42 ms``, ``7.5 ms``, ``75 ms``, ``1.28 s``; ``–`` for none."""
    if seconds is None:
        return "–"
    value = seconds * 1000
    if value >= 999.5:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    return f"{value:.0f} ms" if value >= 9.95 else f"{value:.1f} ms" if value >= 0.95 else f"{value:.2f} ms"


def percent(share: float | None) -> str:
    """``0 %``, ``2.3 %``; so few that it would read as nothing: ``< 0.01 %``; ``–`` for none."""
    if share is None:
        return "–"
    if 0 < share < 0.0001:
        return "< 0.01 %"
    digits = 0 if share in (0, 1) else 2 if share < 0.01 else 1
    return f"{share * 100:.{digits}f} %"


def span(seconds: float) -> str:
    """``14 s``, ``3 min``, ``2.5 h``, ``9 d``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds)} s"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")


def rate(bytes_per_s: float) -> str:
    """As networks have it: ``93.4 Mbit/s``."""
    value, units = bytes_per_s * 8, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.3g} {units[0]}" if value < 100 else f"{value:.0f} {units[0]}"


def sentence(one: PathView, lang: Language) -> str:
    """The figures that users quote, in one line, without the way's name: loss, mean and most first."""
    return CHART_WORDS[lang]["part"].join(figures(one, lang))


def figures(one: PathView, lang: Language) -> list[str]:
    """The parts of that line."""
    texts = _SENTENCE[lang]
    parts = []
    if one.received:
        loss = texts["loss"].format(loss=percent(one.loss))
        delay = texts["delay"].format(mean=ms(one.delays.mean_s), max=ms(one.delays.max_s))
        parts.append(loss + texts["comma"] + delay)
        p50, p99 = (ms(one.delays.quantile_s(share)) for share in (0.5, 0.99))
        parts.append(texts["more"].format(p50=p50, p99=p99))
        jitter = texts["jitter"].format(jitter=ms(one.jitter_s))
        parts.append(jitter + texts["comma"] + texts["queue"].format(queue=ms(one.queue.mean_s)))
    else:
        parts.append(texts["nothing"])
    counts = {name: getattr(one, name) for name in ("late", "duplicated", "reordered")}
    odd = [texts[name].format(count=count) for name, count in counts.items() if count]
    if odd:
        parts.append(texts["comma"].join(odd))
    if one.outages:
        text = texts["outage" if one.outages == 1 else "outages"]
        parts.append(text.format(count=one.outages, away=span(one.away_s)))
    if one.missed:
        parts.append(texts["missed"].format(count=one.missed))
    if one.bandwidth is not None:
        parts.append(texts["bandwidth"].format(rate=rate(one.bandwidth.bytes_per_s)))
    if one.limit_bytes_per_s:
        parts.append(texts["limit"].format(rate=rate(one.limit_bytes_per_s)))
    return parts
