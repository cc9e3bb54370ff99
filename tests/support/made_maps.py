"""Maps and policies as people write them, made by hypothesis; and the policy of the specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tailhub.tailcfg.derpmap import DERPNode, DERPRegion

POLICY = (Path(__file__).parent / "maps" / "policy.hujson").read_text(encoding="utf-8")

_TEXT = st.text(alphabet='ab 中继"\\/{}[],:#', max_size=6)


@st.composite
def regions(draw: st.DrawFn, number: int = 0) -> DERPRegion:
    """A region of one or two nodes; `number` 0: any."""
    number = number or draw(st.integers(900, 999))
    nodes = tuple(
        DERPNode(
            name=f"{number}{letter}",
            region_id=number,
            host_name=draw(st.sampled_from(["derp.example.com", "203.0.113.7"])),
            cert_name=draw(st.sampled_from(["", "sha256-raw:" + 64 * "a"])),
            ipv4=draw(st.sampled_from(["", "none", "203.0.113.7"])),
            stun_port=draw(st.sampled_from([0, -1, 3479])),
            derp_port=draw(st.sampled_from([0, 8443])),
            insecure_for_tests=draw(st.booleans()),
        )
        for letter in "ab"[: draw(st.integers(1, 2))]
    )
    return DERPRegion(
        region_id=number, region_code=draw(_TEXT), region_name=draw(_TEXT), avoid=draw(st.booleans()), nodes=nodes
    )


@st.composite
def policies(draw: st.DrawFn, plain_regions: dict[str, Any]) -> str:
    """A policy with these regions in it: any indentation, comments, trailing commas, other members around."""
    whole: dict[str, Any] = {"acls": [{"action": "accept", "src": ["*"]}], "note": draw(_TEXT)}
    if draw(st.booleans()):
        whole["ssh"] = []
    position = draw(st.integers(0, len(whole)))
    members = list(whole.items())
    members.insert(position, ("derpMap", {"Regions": plain_regions}))
    indent: int | str | None = draw(st.sampled_from([None, 2, 4, "\t"]))
    text = json.dumps(dict(members), indent=indent, ensure_ascii=False)
    if indent is None:
        return text + draw(st.sampled_from(["", "\n"]))
    lines = text.split("\n")
    trailing, comments = draw(st.booleans()), draw(st.booleans())
    for number, line in enumerate(lines):
        ends = number + 1 < len(lines) and lines[number + 1].lstrip()[:1] in ("}", "]")
        if trailing and ends and line.rstrip()[-1:] not in ("{", "["):
            lines[number] = line + ","
        if comments:
            lines[number] += draw(st.sampled_from(["", "", " // 备注 {", " /* a, b */"]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(["// 我的策略", *lines, ""])
