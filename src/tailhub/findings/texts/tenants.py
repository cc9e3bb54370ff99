"""What the findings of `tailhub.findings.tenants` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH293": (
        "{place}: [[relay?this is a setting of the whole relay, not of one tenant||only tenants have this, in a "
        "{table} table]].",
        "[[relay?Write it at the top of the file, above the first `{table}`||Write it below a `{table}`]].",
    ),
    "TH294": (
        "{place}: expected a table for each tenant, found `{found}`.",
        'Write `{table}` at the end of the file, and below it `name = "friends"` and what belongs to that tenant.',
    ),
    "TH295": (
        "{place}: [[name?[[other?there is a tenant {name} already ({other})||expected 1 to 63 letters of English, "
        "digits and . _ -, and not default, found `{name}`]]||a tenant needs a name]].",
        "As in `{place:=friends}`; its counters and its log lines are called so.",
    ),
    "TH296": (
        "{place}: nobody says who belongs to the tenant {name}, so nobody does.",
        'Say whom to ask below its name, for example `verify_url = "https://headscale.example.com/verify"` or '
        "`verify_tailscaled = true`.",
    ),
    "TH297": (
        "{place}: there is no tenant `{name}`.",
        "[[near?Write `{near}`||Others are: {names}]]; default is the tenant of the relay's own settings.",
    ),
    "TH298": (
        "{place}: another tenant asks {verifier} too ({other}). Whom it knows belongs to the first of the two; nobody "
        "comes to the second by it.",
        "Ask it for one of them.",
    ),
    "TH299": (
        "{place}: since there are tenants, only those may relay whom a tenant's verifier knows. The settings above the "
        "tables name no verifier, so nobody belongs to them (default).",
        "Nothing to do if that is meant. Otherwise name one above the first table.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH293": (
        "{place}：[[relay?这是整个中继的设置，不属于单个租户||只有租户才有这一项，写在 {table} 表里]]。",
        "请写在[[relay?文件开头、第一个 `{table}` 之前||某个 `{table}` 之下]]。",
    ),
    "TH294": (
        "{place}：每个租户应为一个表，实际是 `{found}`。",
        '请在文件末尾写 `{table}`，其下写 `name = "friends"` 和该租户的各项设置。',
    ),
    "TH295": (
        "{place}：[[name?[[other?已经有租户 {name}（{other}）||应为 1 到 63 个英文字母、数字或 . _ -，"
        "且不能是 default，实际是 `{name}`]]||租户需要名称]]。",
        "例如 `{place:=friends}`；它的计数和日志都用这个名称。",
    ),
    "TH296": (
        "{place}：没有写明由谁判断哪些设备属于租户 {name}，因此谁也不属于它。",
        '请在它的名称之下写明向谁查询，例如 `verify_url = "https://headscale.example.com/verify"` 或 '
        "`verify_tailscaled = true`。",
    ),
    "TH297": (
        "{place}：没有租户 `{name}`。",
        "[[near?请写 `{near}`||其他租户有：{names}]]；default 指中继自身设置所属的租户。",
    ),
    "TH298": (
        "{place}：另一个租户也查询 {verifier}（{other}）。它认识的设备属于前一个租户，后一个由此得不到任何设备。",
        "请只让其中一个查询它。",
    ),
    "TH299": (
        "{place}：既然有租户，就只有某个租户的验证者认识的设备才能使用中继。各租户表之前没有写验证者，"
        "因此没有设备属于中继自身的设置（default）。",
        "如果本意如此，不必处理；否则请在第一个租户表之前写明验证者。",
    ),
}
