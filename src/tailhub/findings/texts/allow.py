"""What the findings of `tailhub.findings.allow` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH285": (
        "{path}, line {line}: expected `nodekey:<64 hex digits> NAME [tenant=TENANT] # comment`, found `{word}`. The "
        "line counts for nothing, the others do.",
        "Mend it, take it out, or put a `#` before it; no restart is needed.",
        "The line was edited by hand and is not whole, or is something else.",
        "Whoever was meant by it is refused.",
    ),
    "TH286": (
        "{path}, line {line} has the key of line {first}, and only that one counts.",
        "Take one of them out.",
        "The key was put on the list twice, perhaps under two names.",
        "Nothing: the first line counts.",
    ),
    "TH287": (
        "The allow list {path} cannot be read[[keys?; its {keys} keys from before go on to be admitted, and no others"
        "||, so it admits nobody]].",
        "{reason} No restart is needed after that.",
        "It was taken away, damaged, or this user may not read it any more.",
        "Who was on it before goes on to be let in until the relay starts again; new keys are not.",
    ),
    "TH288": (
        "The allow list {path} has no key, so it admits nobody.",
        "`tailhub allow pending` shows who was refused, `tailhub allow approve 1 --name NAME` lets the first of them "
        "in, `tailhub allow add nodekey:… --name NAME` anybody.",
        "Nobody has been put on it yet, or it was emptied.",
        "Everybody is refused whom no other verifier admits.",
    ),
    "TH289": (
        "This relay has no allow list.",
        'Start it with one: `tailhub relay --allow-list on`, or `allow_list = "on"` in its configuration file.',
    ),
    "TH290": (
        "[[number?There is no refused client with the number {text} on the list that was last shown"
        "||[[entry?The allow list has neither a key nor a name {text}"
        "||Expected a node key, `nodekey:` and 64 hexadecimal digits, or a short one of a client that was here, "
        "found "
        "`{text}`]]]].",
        "[[number?`tailhub allow pending` shows them||[[entry?`tailhub allow list` shows what is on it"
        "||`tailscale status --json` on the device shows its key as `PublicKey`]]]].",
    ),
    "TH291": (
        "{text} stands for several keys: {keys}.",
        "Write one of them whole.",
    ),
    "TH292": (
        "[[key?The allow list has another key with the name {text}: {key}"
        "||Expected a name of up to 64 characters without spaces, `#` and `=`, found `{text}`]].",
        "[[key?Take another name, or put the new key in the place of that one: `--replace`"
        "||As in `--name alice-phone`]].",
    ),
    "TH310": (
        "There is no tenant `{text}`[[names?, only {names}||: this relay's configuration names none]].",
        "[[names?Write one of them, or nothing for the tenant of the relay's own settings||Leave the tenant out, or "
        "name it in a `{table}` table of the configuration; where that is not in its usual place, a command "
        "without a "
        "running relay needs `--config FILE`]].",
    ),
    "TH311": (
        "{place} is to be kept in the store, but there is none: {store} is `off`.",
        "Leave {store} out, and the store is a file of the state directory; relays share it by the URL of a "
        "PostgreSQL "
        "database. Or take a file as the list: `{place:=on}`.",
    ),
    "TH318": (
        "{path}, line {line}: there is no tenant `{name}`, so the key belongs to nobody and is refused.",
        "[[names?Write one of {names}; leave||Leave]] `tenant=` out for the relay's own; no restart is needed.",
        "The tenant was renamed or taken out of the configuration, or the word is misspelt.",
        "The device with this key is refused.",
    ),
    "TH357": (
        "The allow list {path} is not there any more. Whom it has admitted stays admitted for `remember_days`, "
        "nobody "
        "else is let in.",
        "Put it back from a copy; or begin a new one, which then counts alone, with `tailhub allow add KEY`.",
        "The file or the table was deleted, or the relay looks in another place than before.",
        "Who is remembered is let in until that time is over; new devices are refused.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH285": (
        "{path} 第 {line} 行：应为 `nodekey:<64 位十六进制数> NAME [tenant=TENANT] # comment`，实际有 `{word}`。"
        "这一行不起作用，其他行照常。",
        "请改正、删除，或在行首加 `#`；不必重启。",
        "该行是手工编辑的，不完整，或者是别的内容。",
        "该行所指的设备会被拒绝。",
    ),
    "TH286": (
        "{path} 第 {line} 行与第 {first} 行是同一个密钥，只有第 {first} 行起作用。",
        "请删除其中一行。",
        "该密钥被写了两次，也许用了两个名称。",
        "没有影响：以第一行为准。",
    ),
    "TH287": (
        "许可名单 {path} 无法读取[[keys?；之前的 {keys} 个密钥继续放行，其他的不放行||，因此不放行任何人]]。",
        "{reason}之后不必重启。",
        "它被移走、损坏，或当前用户不再有权读取。",
        "原来在名单上的在中继重启之前仍会放行；新的密钥不会。",
    ),
    "TH288": (
        "许可名单 {path} 里没有密钥，因此不放行任何人。",
        "`tailhub allow pending` 列出被拒绝的客户端，`tailhub allow approve 1 --name NAME` 放行其中第一个，"
        "`tailhub allow add nodekey:… --name NAME` 放行任意一个。",
        "还没有加入任何密钥，或者被清空了。",
        "凡没有其他验证程序放行的都会被拒绝。",
    ),
    "TH289": (
        "这台中继没有许可名单。",
        '请带名单启动：`tailhub relay --allow-list on`，或在配置文件里写 `allow_list = "on"`。',
    ),
    "TH290": (
        "[[number?上次列出的名单里没有编号为 {text} 的被拒客户端||[[entry?许可名单里没有名为 {text} 的密钥或名称"
        "||应为节点密钥，即 `nodekey:` 加 64 位十六进制数，或来过的客户端的短密钥，实际是 `{text}`]]]]。",
        "[[number?`tailhub allow pending` 可以列出||[[entry?`tailhub allow list` 可以列出名单"
        "||在设备上运行 `tailscale status --json`，`PublicKey` 就是它的密钥]]]]。",
    ),
    "TH291": (
        "{text} 对应多个密钥：{keys}。",
        "请完整写出其中一个。",
    ),
    "TH292": (
        "[[key?许可名单里另一个密钥已叫 {text}：{key}"
        "||名称应不超过 64 个字符，不含空格、`#` 和 `=`，实际是 `{text}`]]。",
        "[[key?请换一个名称，或用新密钥替换它：`--replace`||例如 `--name alice-phone`]]。",
    ),
    "TH310": (
        "没有租户 `{text}`[[names?，只有 {names}||：此中继的配置里没有租户]]。",
        "[[names?请写其中之一，或不写（属于中继自身设置的租户）||请不要写租户，或在配置的 `{table}` 表里写明它；"
        "配置不在通常位置且没有运行中的中继时，命令需要 `--config FILE`]]。",
    ),
    "TH311": (
        "{place} 要保存在存储里，但没有存储：{store} 为 `off`。",
        "不写 {store}，存储就是状态目录里的文件；写 PostgreSQL 数据库的 URL，多台中继就能共用它。"
        "或用文件作名单：`{place:=on}`。",
    ),
    "TH318": (
        "{path} 第 {line} 行：没有租户 `{name}`，因此该密钥不属于任何租户，会被拒绝。",
        "[[names?请写 {names} 之一；||]]若属于中继自身设置，请去掉 `tenant=`；无需重启。",
        "该租户改了名、从配置中删除了，或拼写有误。",
        "持有该密钥的设备会被拒绝。",
    ),
    "TH357": (
        "白名单 {path} 已不存在。它放行过的设备在 `remember_days` 内仍可使用，其他设备一律不放行。",
        "请用备份恢复它；或用 `tailhub allow add KEY` 重新建立，此后只以新名单为准。",
        "文件或表被删除，或者中继现在查看的位置与以前不同。",
        "记住的设备在期限内仍会放行；新设备会被拒绝。",
    ),
}
