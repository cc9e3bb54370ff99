"""What the findings of `tailhub.findings.derp_map` say."""

from __future__ import annotations

from tailhub.findings.text import Text

ENGLISH: dict[str, Text] = {
    "TH460": Text(
        "{origin} cannot be read as a DERP map: {reason}.",
        "Name a policy file, a map in JSON or YAML, or the URL of one.",
    ),
    "TH461": Text(
        "{origin}, line {line}, column {column}: expected {expected}, found [[found?`{found}`||the end]].",
        "Correct it there: Tailscale would refuse the file too.",
        "It is taken exactly as Tailscale does: JSON with comments and trailing commas, and nothing of JSON5.",
        "Tailscale refuses the whole file, so that nothing in it takes effect.",
    ),
    "TH462": Text(
        "{origin} has no DERP map in it.",
        'Tailscale\'s policy has it as the member "derpMap"; `tailhub derpmap` prints one to paste.',
    ),
    "TH463": Text(
        "The map of this machine's tailnet cannot be had: {reason}.",
        "Run it where a Tailscale client runs and is logged in, or name a policy file.",
    ),
    "TH464": Text(
        "{origin}, line {line}, column {column}: these are no quotes of HuJSON: expected {expected}, found `{found}`.",
        'Put names and texts into straight double quotes, ", all through the file.',
        "Text programs and web pages make curly quotes of straight ones; single quotes, or none, are JSON5.",
        "Tailscale refuses the whole file, so that nothing in it takes effect.",
    ),
    "TH465": Text(
        "{origin}, line {line}, column {column}: a comma is missing behind this value[[found?; then comes `{found}`]].",
        "Put a comma there.",
        "Values of one object or list are parted by commas; one behind the last is allowed, so put one behind each.",
        "Tailscale refuses the whole file, so that nothing in it takes effect.",
    ),
    "TH466": Text(
        "{origin}, line {line}, column {column}: there is a space that is none for HuJSON, `{found}`.",
        "Put a plain space there, or a tab, or nothing; look for more of its kind.",
        "Web pages and some editors indent with no-break spaces, which look the same, or begin a file with a mark.",
        "Tailscale refuses the whole file, so that nothing in it takes effect.",
    ),
    "TH467": Text(
        "{origin}, line {line}, column {column}: this is Chinese punctuation, `{found}`: expected {expected}.",
        "Write it with the keyboard set to English; look for more of its kind.",
        "Web pages and Chinese keyboards make full-width signs that look like those of JSON.",
        "Tailscale refuses the whole file, so that nothing in it takes effect.",
    ),
    "TH468": Text(
        "{host} cannot be asked as a relay: {reason}.",
        "See why with `tailhub doctor {host}`, or say all of it with flags: `tailhub derpmap make --help`",
    ),
    "TH497": Text(
        "{origin} was not changed: {reason}.",
        "`tailhub derpmap lint {origin!q}` shows what is in it; what cannot be changed in place is to be done by hand.",
    ),
    "TH498": Text(
        "{origin} was written by somebody else just now: it was not changed.",
        "Look at what they wrote and run the command again.",
    ),
}

CHINESE: dict[str, Text] = {
    "TH460": Text(
        "无法把 {origin} 当作 DERP map 读取：{reason}。",
        "请指定策略文件、JSON 或 YAML 格式的 map，或其 URL。",
    ),
    "TH461": Text(
        "{origin} 第 {line} 行第 {column} 列：应为 {expected}，实际是[[found? `{found}`||文件结尾]]。",
        "请在该处改正：Tailscale 同样不会接受这个文件。",
        "读法与 Tailscale 完全一致：允许注释和行尾逗号的 JSON，不接受 JSON5 的任何写法。",
        "Tailscale 会拒绝整个文件，其中的内容都不会生效。",
    ),
    "TH462": Text(
        "{origin} 中没有 DERP map。",
        '在 Tailscale 的策略文件中它是成员 "derpMap"；`tailhub derpmap` 会打印一份可供粘贴的内容。',
    ),
    "TH463": Text(
        "无法取得本机所在 tailnet 的 map：{reason}。",
        "请在运行着 Tailscale 客户端且已登录的机器上执行，或指定一个策略文件。",
    ),
    "TH464": Text(
        "{origin} 第 {line} 行第 {column} 列：这不是 HuJSON 的引号：应为 {expected}，实际是 `{found}`。",
        '整个文件里，名称和文本都要用直的双引号 " 括起来。',
        "文字处理软件和网页会把直引号变成弯引号；单引号或不加引号是 JSON5 的写法。",
        "Tailscale 会拒绝整个文件，其中的内容都不会生效。",
    ),
    "TH465": Text(
        "{origin} 第 {line} 行第 {column} 列：这个值后面缺少逗号[[found?；接着是 `{found}`]]。",
        "请在那里加上逗号。",
        "对象或列表里的值之间用逗号分隔；最后一个后面也可以有，所以每个后面都加上即可。",
        "Tailscale 会拒绝整个文件，其中的内容都不会生效。",
    ),
    "TH466": Text(
        "{origin} 第 {line} 行第 {column} 列：这里的空白不是 HuJSON 认可的空格：`{found}`。",
        "请换成普通空格或制表符，或者删掉；并检查是否还有同类字符。",
        "网页和某些编辑器会用看起来一样的不换行空格缩进，或在文件开头加标记。",
        "Tailscale 会拒绝整个文件，其中的内容都不会生效。",
    ),
    "TH467": Text(
        "{origin} 第 {line} 行第 {column} 列：这是中文标点 `{found}`；应为 {expected}。",
        "请切换到英文输入法重新输入；并检查是否还有同类字符。",
        "网页和中文输入法会产生与 JSON 符号相似的全角符号。",
        "Tailscale 会拒绝整个文件，其中的内容都不会生效。",
    ),
    "TH468": Text(
        "无法把 {host} 当作中继询问：{reason}。",
        "用 `tailhub doctor {host}` 查看原因，或用选项写明全部内容：`tailhub derpmap make --help`",
    ),
    "TH497": Text(
        "{origin} 没有改动：{reason}。",
        "`tailhub derpmap lint {origin!q}` 会显示其中的内容；无法就地修改的部分请手工编辑。",
    ),
    "TH498": Text(
        "{origin} 刚刚被别人写过：没有改动它。",
        "请查看对方写了什么，然后重新执行命令。",
    ),
}

EXPECTED_IN_CHINESE: dict[str, str] = {
    "a value": "一个值",
    "true, false, null or a text in quotes": "true、false、null 或带引号的文本",
    "a number as JSON has it": "JSON 写法的数字",
    "a name in double quotes": "带双引号的名称",
    "a name in double quotes, or }": "带双引号的名称，或 }",
    "a colon behind the name": "名称后面的冒号",
    "a comma or } behind the value": "值后面的逗号或 }",
    "a comma or ] behind the value": "值后面的逗号或 ]",
    'a " that ends the text': '结束文本的 "',
    'a character of the text, " or an escape of JSON': '文本中的字符、" 或 JSON 的转义',
    "a line's end behind the comment": "注释之后的换行",
    "*/ that ends the comment": "结束注释的 */",
    "a comment in UTF-8": "UTF-8 编码的注释",
    "nothing behind the value": "值后面没有内容",
    "values at most 200 deep": "嵌套不超过 200 层的值",
}
"""What HuJSON expects at some place, by the words of `tailhub.tailcfg.hujson`."""

REMARKS: dict[str, tuple[str, str]] = {
    "map_pin_compare": (
        "{host} shows a certificate that has to be pinned, {pin}: compare on the relay first, `tailhub cert show`",
        "{host} 的证书需要锁定指纹 {pin}：请先在中继上核对，`tailhub cert show`",
    ),
    "map_no_stun": (
        "no STUN answered at {host}; the entry has UDP {port}: open it there, or say another one with `--stun-port`",
        "{host} 没有 STUN 应答；条目里写的是 UDP {port}：请放行它，或用 `--stun-port` 指定别的端口",
    ),
    "map_stun_off": (
        "without STUN clients rarely choose the region",
        "没有 STUN，客户端很少会选中这个区域",
    ),
    "map_score_headscale": (
        "a score moves homes at once with Tailscale; Headscale 0.29.2 drops it",
        "score 对 Tailscale 的客户端立即生效；Headscale 0.29.2 会丢弃它",
    ),
    "map_avoid_stays": (
        "clients whose home is there already stay; `--score 1000` moves them, but not with Headscale",
        "已经以它为 home 的客户端不会离开；`--score 1000` 能让它们离开，但对 Headscale 无效",
    ),
    "map_no_file": (
        "it is no file",
        "它不是文件",
    ),
    "map_no_region": (
        "there is no region {wanted}[[names? (there are: {names})]]",
        "没有区域 {wanted}[[names?（现有：{names}）]]",
    ),
    "map_region_there": (
        "there is a region {wanted} already",
        "已经有区域 {wanted}",
    ),
    "map_no_node": (
        "there is no node {wanted}[[names? (there are: {names})]]",
        "没有节点 {wanted}[[names?（现有：{names}）]]",
    ),
    "map_which_node": (
        "there are several nodes, {names}: name one with `--node`",
        "有多个节点 {names}：请用 `--node` 指定其中一个",
    ),
    "map_odd_shape": (
        "a value stands where an object of the map belongs",
        "应为 map 对象的地方是别的值",
    ),
    "map_lost_policy": (
        "not carried over, for they belong to the policy and not to its map: {names}",
        "未转换（属于策略，不属于 map）：{names}",
    ),
    "map_lost_fields": (
        "not carried over, for no client knows such fields: {names}",
        "未转换（客户端不认识的字段）：{names}",
    ),
    "map_lost_comments": (
        "comments are not carried over",
        "注释未转换",
    ),
    "map_lost_headscale": (
        "not carried over, for Headscale has no such thing or drops it: {names}",
        "未转换（Headscale 没有或会丢弃）：{names}",
    ),
}
