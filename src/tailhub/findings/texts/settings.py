"""What the findings of `tailhub.findings.settings` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH090": (
        "{place}: expected [[text?text||[[number?a whole number||[[truth?true or false||[[texts?text, or a list of "
        "texts||a table]]]]]]]], found `{found}`.",
        "As in `{place:={example}}`.",
    ),
    "TH091": (
        "{place}: there is no such setting.",
        "[[near?Write `{near}`||Take it out]]; `tailhub config init` lists all settings.",
        "A name was mistyped, or is from another version or program.",
        "The relay does not start.",
    ),
    "TH092": (
        "{place}: [[relay?this is a setting of the whole relay, not of one listener||with {table} in the file, a "
        "listener's settings stand there]].",
        "[[relay?Write it at the top of the file, above the first `{table}`||Write it below the first `{table}`]].",
    ),
    "TH093": (
        "Line {line} of {path} cannot be read as TOML: {reason}.",
        "[[suggestion?Write `{suggestion}`||Text stands in quotes, as in `{example}`; a comment begins with #]].",
    ),
    "TH094": (
        "The variable {name} is set, and there is no such setting.",
        "[[near?Perhaps `{near}` is meant; ||]]`tailhub config show` lists the settings and where each comes from.",
        "A name was mistyped; what it says is not used.",
        "The relay runs without what this variable was to say.",
    ),
    "TH095": (
        "{path} is not text in UTF-8 (line {line}).",
        "Save it as UTF-8 in the editor, or convert it: `iconv -f GB18030 -t UTF-8 {path!q} > new.toml`.",
    ),
    "TH096": (
        "{place}: every listener but the first needs an address of its own.",
        "Add a line, as in `{example}`.",
    ),
    "TH097": (
        "{one} and {other} ask for the same TCP port, {port}.",
        "Give one of them another: `{other:=:{free}}`.",
    ),
    "TH098": (
        "The pinned certificate in {path} has the name {name}, which tells scanners what runs here although "
        "{option} is on.",
        "It stays as it is, for a new one has a new pin: `tailhub cert renew` makes one beside it without that name "
        "and says how to change over without an outage.",
    ),
    "TH230": (
        "{place}: the value has a zero character, `\\u0000`, which no name, path or command can have.",
        "Take it out; a backslash in a path is written twice, or the text in single quotes.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH090": (
        "{place}：应为[[text?文本||[[number?整数||[[truth? true 或 false||[[texts?文本或文本列表||表]]]]]]]]，"
        "实际是 `{found}`。",
        "例如 `{place:={example}}`。",
    ),
    "TH091": (
        "{place}：没有这个设置。",
        "请[[near?写 `{near}`||删掉它]]；`tailhub config init` 会列出全部设置。",
        "名称写错了，或来自别的版本、别的程序。",
        "中继无法启动。",
    ),
    "TH092": (
        "{place}：[[relay?这是整个中继的设置，不属于单个监听||文件里有 {table} 时，监听的设置要写在其中]]。",
        "请写在[[relay?文件开头、第一个 `{table}` 之前||第一个 `{table}` 之下]]。",
    ),
    "TH093": (
        "{path} 第 {line} 行不是有效的 TOML：{reason}。",
        "[[suggestion?请写 `{suggestion}`||文本要加引号，例如 `{example}`；注释以 # 开头]]。",
    ),
    "TH094": (
        "设置了变量 {name}，但没有这个设置。",
        "[[near?也许是 `{near}`；||]]`tailhub config show` 会列出各项设置及其来源。",
        "名称写错了；它的值没有被使用。",
        "中继在没有这个变量的情况下运行。",
    ),
    "TH095": (
        "{path} 不是 UTF-8 文本（第 {line} 行）。",
        "请在编辑器里另存为 UTF-8，或转换：`iconv -f GB18030 -t UTF-8 {path!q} > new.toml`。",
    ),
    "TH096": (
        "{place}：除第一个外，每个监听都要有自己的地址。",
        "请加一行，例如 `{example}`。",
    ),
    "TH097": (
        "{one} 和 {other} 使用了同一个 TCP 端口 {port}。",
        "请改掉其中一个：`{other:=:{free}}`。",
    ),
    "TH098": (
        "{path} 里锁定用的证书带有名称 {name}；虽然打开了 {option}，扫描者仍能由此看出这里运行的是什么。",
        "证书保持原样，因为新证书的指纹不同：`tailhub cert renew` 会在旁边生成一张没有该名称的，"
        "并说明如何不中断地切换。",
    ),
    "TH230": (
        "{place}：值里有零字符 `\\u0000`，名称、路径和命令都不能含有它。",
        "请去掉它；路径里的反斜杠要写两个，或用单引号。",
    ),
}
