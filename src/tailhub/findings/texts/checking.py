"""What the findings of `tailhub.findings.checking` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH525": Text(
        "Expected a relay's HOST or HOST:PORT, a file with a DERP map, its URL, or `tailnet`; found `{text}`, and "
        "there is no such file.",
        "An IPv6 address with a port needs brackets: `tailhub doctor [2001:db8::7]:8443`.",
    ),
    "TH526": Text(
        "{option} does not go with {origin}: the map itself says it.",
        "Leave it out, or name the relay's host: `tailhub doctor HOST:PORT {option} …`.",
    ),
    "TH527": Text(
        "{origin} has no relay[[region? in region {region}]].",
        "[[regions?It has these regions: {regions}. ]]Name one by id, code or name: `--region ID`.",
    ),
    "TH528": Text(
        "{origin} has {count} relays, more than the {most} that are looked at in one go.",
        "Say which region: `--region ID`.",
    ),
    "TH529": Text(
        "{path} has no private node key in it: expected `privkey:` and 64 hexadecimal digits.",
        "Name another file, or leave `--key` out: the check then uses a key of its own.",
    ),
    "TH530": Text(
        "Nothing was named to look at, and no Tailscale client of this machine can be asked for its map: {reason}.",
        "Name the relay: `tailhub doctor HOST:PORT`\nOr the file with its map: `tailhub doctor policy.hujson`\n"
        "On the relay itself: `tailhub doctor --local`",
    ),
    "TH571": Text(
        "{origin} has no region of two or more relays[[region? in region {region}]], so there is no mesh to look at.",
        "Name a DERP map with such a region; one relay alone is looked at by `tailhub doctor`.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH525": Text(
        "应为中继的 HOST 或 HOST:PORT、含 DERP map 的文件、其 URL，或 `tailnet`；实际是 `{text}`，也没有这个文件。",
        "IPv6 地址加端口时需要方括号：`tailhub doctor [2001:db8::7]:8443`。",
    ),
    "TH526": Text(
        "{option} 不能与 {origin} 同时使用：map 里已经写明。",
        "去掉它，或直接指定中继的主机：`tailhub doctor HOST:PORT {option} …`。",
    ),
    "TH527": Text(
        "{origin} [[region?的区域 {region} ]]中没有中继。",
        "[[regions?它有这些区域：{regions}。]]用编号、代码或名称指定一个：`--region ID`。",
    ),
    "TH528": Text(
        "{origin} 中有 {count} 台中继，超过一次最多检查的 {most} 台。",
        "请指定区域：`--region ID`。",
    ),
    "TH529": Text(
        "{path} 中没有节点私钥：应为 `privkey:` 加 64 位十六进制数字。",
        "指定别的文件，或去掉 `--key`：检查会使用自己的密钥。",
    ),
    "TH530": Text(
        "没有指定要检查什么，也无法向本机的 Tailscale 客户端询问它的 map：{reason}。",
        "指定中继：`tailhub doctor HOST:PORT`\n或含有其 map 的文件：`tailhub doctor policy.hujson`\n"
        "在中继本机上：`tailhub doctor --local`",
    ),
    "TH571": Text(
        "{origin} [[region?的区域 {region} ]]中没有由两台以上中继组成的区域，因此没有 mesh 可看。",
        "请给出含有这种区域的 DERP map；单独一台中继用 `tailhub doctor` 检查。",
    ),
}

REMARKS: dict[str, tuple[str, str]] = {
    "map-unreadable": ("not tested: clients cannot read this map", "未检测：客户端读不了这个 map"),
    "map-well": ("says nothing wrong of this region", "关于这个区域没有写错"),
}

STEPS: dict[str, tuple[str, str]] = {
    "map_relays": ("relays", "中继"),
}
