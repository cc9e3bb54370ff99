"""Fuzz target: a policy or a map is looked through without a fault of ours; a change in it changes nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tailhub.exceptions import LocalError
from tailhub.tailcfg.derpmap import DERPNode, DERPRegion
from tailhub.tailcfg.hujson import parse
from tailhub.tailcfg.map_edit import HUJSON, YAML, Syntax, add_region, map_in, remove_region
from tailhub.tools.derpmap.lint import lint_findings
from tailhub.tools.map_source import MapForm, MapText

_REGION = DERPRegion(region_id=999, nodes=(DERPNode(name="999a", region_id=999, host_name="z.example"),))

SEEDS: list[bytes] = [
    b'// mine\n{\n\t"acls": [], /* x */\n\t"derpMap": {"Regions": {"912": {"RegionID": 9,\n\t\t"Nodes": [],\n}}},\n}\n',
    b'{"Regions": {"900": {"RegionID": 900, "Nodes": [{"Name": "900a", "RegionID": 900, "HostName": "a:1"}]}}}',
    b'{"Regions":{"1":null,"900":{}},"HomeParams":{"RegionScore":{"900":0}},"omitDefaultRegions":true}',
    "{“derpMap”： {\"Regions\"：{}}，\u00a0'a': 1}".encode(),
    b"# c\nregions:\n  900: # x\n    regionid: 900\n    nodes:\n      - name: 900a\n        hostname: a\n      - a:\n",
    b"regions:\n  900: {regionid: 900}\n  901: &a\n    nodes:\n    - ipv4: none\n  902: *a\n",
    b"regions:\r\n  900:\r\n    regionname: |\r\n      x\r\n      y\r\n",
    b"",
]


def one_input(data: bytes) -> None:
    """Take `data` as HuJSON and as YAML; raises for a fault."""
    text = data.decode("utf-8", "surrogateescape")
    forms: tuple[tuple[MapForm, Syntax], ...] = (("hujson", HUJSON), ("yaml", YAML))
    for form, syntax in forms:
        for one in lint_findings(MapText(text, form, "policy")):
            for lang in ("en", "zh"):
                if not one.finding.what(lang) or one.line < 1 or one.column < 1:
                    raise AssertionError(f"a finding without text or place: {one}")
        _edit(text, syntax)


def _edit(text: str, syntax: Syntax) -> None:
    try:
        before = map_in(syntax, text)
        changed = add_region(syntax, text, _REGION)
    except LocalError:
        return
    after = map_in(syntax, changed)
    if after.regions != {**before.regions, 999: _REGION}:
        raise AssertionError("a region was added to another map than there was")
    try:
        back = remove_region(syntax, changed, "999")
    except LocalError:
        raise AssertionError("what was added cannot be taken out") from None
    is_odd = "\r" in text.replace("\r\n", "")  # a line's end that nobody has any more
    if map_in(syntax, back).regions != before.regions or (before.regions and back != text and not is_odd):
        raise AssertionError("what was added and taken out has left a trace")
    if syntax is HUJSON:
        parse(back)


if __name__ == "__main__":
    from support.fuzzing import run

    run(one_input, SEEDS)
