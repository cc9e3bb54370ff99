"""What the findings of `tailhub.findings.store` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH260": (
        "{place}: expected a database's URL, `off`, or nothing for a file in the state directory; {reason}.",
        "As in `{place:=postgresql://tailhub:PASSWORD@db.example.com/tailhub}`.",
    ),
    "TH261": (
        "The store is a PostgreSQL database, and the Python module {module} that speaks to it is not installed.",
        "`pip install 'tailhub[postgres]'`, into the environment that the relay runs in.",
    ),
    "TH262": (
        "The store at {where} cannot be reached: {reason}.",
        "Packets go on; what is counted meanwhile is kept in memory and written when the database is back. See that it "
        "runs and that this machine reaches it.",
    ),
    "TH263": (
        "The store {path} cannot be written: {reason}.",
        "Packets go on; what is counted meanwhile is kept in memory until it can. Make room, or give the file back to "
        "the relay's user.",
    ),
    "TH264": (
        "The store {path} is damaged ({reason}). It was moved to {aside}, and a new one begun.",
        "Usage and remembered admissions start from nothing. `sqlite3 {aside!q} .recover` reads what can still be read"
        "[[backups?; to go back to the last copy, stop the relay and put the newest file of {backups} in its place]].",
    ),
    "TH265": (
        "The store {where} was written by a newer tailhub: its tables are of version {found}, and this one knows "
        "{known}.",
        "Install the newer tailhub again[[backups?, or stop the relay and put the newest file of {backups} in its "
        "place; what was counted after it is lost then||, or restore the tables from the schema tailhub_backup_… of "
        "the same database]].",
    ),
    "TH266": (
        "The store {where} has the tables of an older tailhub (version {found}).",
        "Start the relay once, which brings them up to date.",
    ),
    "TH267": (
        "[[off?Nothing is counted: the store is switched off||There is no store at {where}]].",
        '[[off?Take `store = "off"` out of the configuration||Start the relay, which makes it; if its state is '
        "elsewhere, name the place: `tailhub usage --state-dir DIR`]].",
    ),
    "TH268": (
        "The database at {where} refuses: {reason}.",
        "Packets go on, nothing is written. See that the user and the database exist and that the user may make "
        "tables there: `GRANT CREATE ON DATABASE tailhub TO tailhub`, `GRANT CREATE ON SCHEMA public TO tailhub`.",
    ),
    "TH269": (
        "[[backwards?{option}: {text} is not after the beginning"
        "||{option}: expected a [[month?month||day]], found `{text}`]].",
        "[[month?As in `{option} 2026-11`||As in `{option} 2026-11-27`; --until is the first day that is not "
        "counted any more]].",
    ),
    "TH319": (
        "The store {path} was removed or replaced while the relay had it open. What is there now is used, or a new one "
        "begun; what only the old one had counts no more.",
        "To put another one in its place, stop the relay first.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH260": (
        "{place}：应为数据库网址、`off`，或留空（状态目录里的文件）；{reason}。",
        "例如 `{place:=postgresql://tailhub:PASSWORD@db.example.com/tailhub}`。",
    ),
    "TH261": (
        "存储是 PostgreSQL 数据库，但没有安装与它通信的 Python 模块 {module}。",
        "请在中继所用的环境里运行 `pip install 'tailhub[postgres]'`。",
    ),
    "TH262": (
        "连不上位于 {where} 的存储：{reason}。",
        "数据包照常转发；这期间的计数保存在内存里，数据库恢复后写入。请检查它是否在运行，以及本机能否连到它。",
    ),
    "TH263": (
        "无法写入存储 {path}：{reason}。",
        "数据包照常转发；这期间的计数保存在内存里，能写时再写。请腾出空间，或把该文件还给运行中继的用户。",
    ),
    "TH264": (
        "存储 {path} 已损坏（{reason}）。已移到 {aside}，并新建了一个。",
        "用量和记住的准入从零开始。`sqlite3 {aside!q} .recover` 可以读出还能读的内容"
        "[[backups?；要回到最近一次备份，请停止中继，用 {backups} 里最新的文件替换它]]。",
    ),
    "TH265": (
        "存储 {where} 由更新的 tailhub 写成：表的版本是 {found}，本程序只认识 {known}。",
        "请重新安装较新的 tailhub[[backups?，或停止中继，用 {backups} 里最新的文件替换它（此后的计数会丢失）"
        "||，或从同一数据库的 tailhub_backup_… 模式恢复这些表]]。",
    ),
    "TH266": (
        "存储 {where} 里是旧版 tailhub 的表（版本 {found}）。",
        "请启动一次中继，它会更新这些表。",
    ),
    "TH267": (
        "[[off?没有计数：存储已关闭||{where} 没有存储]]。",
        '[[off?请从配置里去掉 `store = "off"`||请启动中继，由它建立；如果状态在别处，请指明：'
        "`tailhub usage --state-dir DIR`]]。",
    ),
    "TH268": (
        "位于 {where} 的数据库拒绝了请求：{reason}。",
        "数据包照常转发，但什么也没有写入。请检查用户和数据库是否存在，以及该用户能否建表："
        "`GRANT CREATE ON DATABASE tailhub TO tailhub`、`GRANT CREATE ON SCHEMA public TO tailhub`。",
    ),
    "TH269": (
        "[[backwards?{option}：{text} 不在开始日期之后||{option}：应为[[month?月份||日期]]，实际为 `{text}`]]。",
        "[[month?例如 `{option} 2026-11`||例如 `{option} 2026-11-27`；--until 是不再计入的第一天]]。",
    ),
    "TH319": (
        "存储 {path} 在中继打开期间被删除或替换。现改用那里的文件，没有则新建；只在旧文件里的内容不再计入。",
        "要换上另一个存储，请先停止中继。",
    ),
}
