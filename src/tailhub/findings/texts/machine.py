"""What the findings of `tailhub.findings.machine` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, ...]] = {
    "TH080": (
        "No relay answers at {path}[[reason? ({reason})]].",
        "Start one, `tailhub relay`, or name its state directory, `--state-dir DIR`; ask as the user that runs it.",
    ),
    "TH081": (
        "The output could not be written: {reason}.",
        "Make room where it goes, or send it elsewhere.",
    ),
    "TH082": (
        "`tailhub relay` does not run on {platform}.",
        "It needs Linux: a small server, a container or WSL.",
    ),
    "TH083": (
        "The clock says {now}, a time before this version of tailhub was made ({built}).",
        "Set it: `sudo timedatectl set-ntp true`; certificates are judged by the date.",
        "The machine has no battery for its clock, or nobody keeps it right.",
        "Certificates look as if they were not valid yet, here and in what the relay asks others.",
    ),
    "TH084": (
        "{path}: {reason}.",
        "[[look?To look at it: `{look}`.||Check the disk and the file's owner: `df {path!q}; ls -ld {path!q}`.]]",
        "The system's own word for what it could not do.",
        "The relay cannot use this file.",
    ),
    "TH085": (
        "Several workers cannot share a port on this system ({platform}).",
        "Leave `--workers` out, or write `--workers 1`; several work on Linux.",
    ),
}

CHINESE: dict[str, tuple[str, ...]] = {
    "TH080": (
        "{path} 上没有中继应答[[reason?（{reason}）]]。",
        "请启动中继：`tailhub relay`，或指定它的状态目录，`--state-dir DIR`；请用运行它的用户执行。",
    ),
    "TH081": (
        "输出无法写入：{reason}。",
        "请在目标位置腾出空间，或输出到别处。",
    ),
    "TH082": (
        "`tailhub relay` 不能在 {platform} 上运行。",
        "它需要 Linux：小型服务器、容器或 WSL 均可。",
    ),
    "TH083": (
        "时钟显示 {now}，早于本版 tailhub 的发布日期（{built}）。",
        "请校准时钟：`sudo timedatectl set-ntp true`；证书是否有效取决于日期。",
        "机器的时钟没有电池，或没有校准。",
        "在本机以及中继访问别处时，证书看起来都还没有生效。",
    ),
    "TH084": (
        "{path}：{reason}。",
        "[[look?查看内容：`{look}`。||请检查磁盘和文件属主：`df {path!q}; ls -ld {path!q}`。]]",
        "这是系统给出的原因。",
        "中继不能使用这个文件。",
    ),
    "TH085": (
        "此系统（{platform}）不支持多个工作进程共用一个端口。",
        "请去掉 `--workers`，或写 `--workers 1`；多个工作进程需要 Linux。",
    ),
}
