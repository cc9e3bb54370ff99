"""What the findings of `tailhub.findings.original` say."""

from __future__ import annotations

ENGLISH: dict[str, tuple[str, str]] = {
    "TH191": (
        "{place}: `{found}` was taken as `{taken}`.",
        "Write `{place:={taken}}`; in a compose file's list quotes are part of the value.",
    ),
    "TH192": (
        "{place}: expected [[bool?true or false||[[duration?a duration||a number]]]], found `{found}`.",
        "As in `{place:={example}}`.",
    ),
    "TH193": (
        "{place} is set to `{value}`, and tailhub cannot do that yet.",
        "Leave it out if the relay may run without it; until then the original does it.",
    ),
    "TH194": (
        "There is no TLS on {address} ({place}): the original speaks it on port 443 or with `-certmode manual` only.",
        "For TLS on this port: `-certmode manual` with certificate files, or `tailhub relay --listen {address}`.",
    ),
    "TH195": (
        "{place}: expected `letsencrypt` or `manual`, found `{mode}`; certificates from Google's CA are not "
        "supported by that name.",
        "Use `-certmode letsencrypt`, or `-certmode manual -certdir DIR` with files in any layout; for another CA "
        "`tailhub relay --acme --acme-directory URL`.",
    ),
}

CHINESE: dict[str, tuple[str, str]] = {
    "TH191": (
        "{place}：`{found}` 按 `{taken}` 处理。",
        "请写成 `{place:={taken}}`；compose 文件的列表里，引号会成为值的一部分。",
    ),
    "TH192": (
        "{place}：应为[[bool? true 或 false||[[duration?时长||数字]]]]，实际为 `{found}`。",
        "例如 `{place:={example}}`。",
    ),
    "TH193": (
        "{place} 设为 `{value}`，tailhub 目前还做不到。",
        "如果中继可以不用它，请去掉；在此之前只有原版 derper 能做到。",
    ),
    "TH194": (
        "{address} 上没有 TLS：原版只在 443 端口或 `-certmode manual` 时使用 TLS（{place}）。",
        "要在此端口使用 TLS：用 `-certmode manual` 和证书文件，或 `tailhub relay --listen {address}`。",
    ),
    "TH195": (
        "{place}：应为 `letsencrypt` 或 `manual`，实际为 `{mode}`；不支持以此名称使用 Google 的 CA。",
        "请用 `-certmode letsencrypt`，或 `-certmode manual -certdir DIR`（文件布局不限）；其他 CA 用 "
        "`tailhub relay --acme --acme-directory URL`。",
    ),
}
