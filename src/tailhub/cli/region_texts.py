"""The words of ``tailhub region check``."""

from __future__ import annotations

from collections.abc import Mapping

from tailhub.findings import Language

__all__ = ["TEXTS"]

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "title": 'tailhub region check   region {id} "{name}"   nodes: {nodes}   ',
        "node": "node",
        "where": "address",
        "state": "state",
        "version": "tailhub",
        "clients": "clients",
        "broken": "something is broken",
        "ok": "ok",
        "missing": "missing",
        "key_differs": "mesh key not taken",
        "not_let_in": "does not let us in",
        "linked": "from ↓  to →",
        "legend_keyed": "{there} the node of the line has a link to that of the column   {lacking} it has none",
        "legend_sent": "{there} packets pass from the node of the line to that of the column   {lacking} they do not",
        "legend_unknown": "{unknown} not known",
        "looking": "looking at region {region}",
        "machines": "for programs: --json",
    },
    "zh": {
        "title": "tailhub region check   区域 {id}“{name}”   节点：{nodes}   ",
        "node": "节点",
        "where": "地址",
        "state": "状态",
        "version": "tailhub",
        "clients": "客户端",
        "broken": "有故障",
        "ok": "正常",
        "missing": "缺少",
        "key_differs": "不接受 mesh 密钥",
        "not_let_in": "未获准进入",
        "linked": "从 ↓  到 →",
        "legend_keyed": "{there} 该行的节点有通往该列节点的链路   {lacking} 没有",
        "legend_sent": "{there} 数据包能从该行的节点到达该列的节点   {lacking} 不能",
        "legend_unknown": "{unknown} 未知",
        "looking": "正在检查区域 {region}",
        "machines": "供程序读取：--json",
    },
}
