"""What the dashboard for Grafana shows: rows of panels, each with its titles, queries, unit and width.

``$__rate_interval`` and the variables are Grafana's; widths are 24ths of the page. How a panel becomes Grafana's JSON
is in ``make_dashboard``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Text = tuple[str, str]  # English, Chinese


@dataclass(frozen=True)
class Query:
    """What is asked, and what its lines are called; ``{{label}}`` is a label's value."""

    expr: str
    legend: Text = ("", "")


@dataclass(frozen=True)
class Panel:
    """`kind` is Grafana's; `steps` colour values from where they begin, the first one from the least value on."""

    title: Text
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8
    height: int = 8
    kind: Literal["timeseries", "stat", "bargauge", "table"] = "timeseries"
    steps: tuple[tuple[str, float | None], ...] = (("green", None),)
    words: Mapping[str, tuple[str, Text]] | None = None  # of values: colour and text
    stacked: bool = False
    most: float | None = None


def selected(name: str, more: str = "") -> str:
    """The series of a metric that the dashboard's variables choose."""
    return f'{name}{{instance=~"$instance"{more and ", "}{more}}}'


def rate(name: str, *by: str, more: str = "", factor: str = "") -> str:
    """How fast a counter grows, summed up by these labels."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (rate({selected(name, more)}[$__rate_interval])){factor}"


def total(name: str, *by: str) -> str:
    """A gauge, summed up by these labels."""
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} ({selected(name)})"


def same(text: str) -> Text:
    """What is called the same in both languages: a label's value."""
    return text, text


GOOD_TO_BAD = (("green", None), ("orange", 0.01), ("red", 0.05))
LEFT = (("red", None), ("orange", 3 * 86400.0), ("green", 14 * 86400.0))
BIT = " * 8"
IN, OUT = ("in", "流入"), ("out", "流出")
EACH = "{{instance}}"

OVERVIEW = (
    Panel(
        ("Relay", "中继"),
        (Query(f"min({selected('tailhub_ready')} or {selected('up')})"),),  # of one that is away only `up` is known
        width=4,
        height=4,
        kind="stat",
        steps=(("red", None), ("green", 1)),
        words={"0": ("red", ("not ready, or away", "未就绪或离线")), "1": ("green", ("ready", "就绪"))},
    ),
    Panel(("Clients", "客户端"), (Query(total("tailhub_clients")),), width=4, height=4, kind="stat"),
    Panel(
        ("Relayed now", "当前转发"),
        (Query(rate("tailhub_bytes_sent_total", factor=BIT)),),
        unit="bps",
        width=4,
        height=4,
        kind="stat",
    ),
    Panel(
        ("Dropped in queues", "队列丢弃比例"),
        (
            Query(
                rate("tailhub_packets_dropped_total", more='reason=~"queue_.*|write_error"')
                + " / "
                + rate("tailhub_packets_received_total")
            ),
        ),
        unit="percentunit",
        width=4,
        height=4,
        kind="stat",
        steps=GOOD_TO_BAD,
    ),
    Panel(
        ("Next certificate ends in", "最近的证书到期"),
        (Query(f"min({selected('tailhub_certificate_expires_seconds')} - time())"),),
        unit="s",
        width=4,
        height=4,
        kind="stat",
        steps=LEFT,
    ),
    Panel(
        ("Verifiers away", "联系不上的验证者"),
        (Query(f"count({selected('tailhub_verifier_reachable')} == 0) or vector(0)"),),
        width=4,
        height=4,
        kind="stat",
        steps=(("green", None), ("red", 1)),
    ),
    Panel(
        ("Relays", "中继列表"),
        (
            Query(f"sum by (instance, version) ({selected('tailhub_info')})", ("", "")),
            Query(total("tailhub_ready", "instance"), ("ready", "就绪")),
            Query(total("tailhub_draining", "instance"), ("draining", "正在清空")),
            Query(total("tailhub_clients", "instance"), ("clients", "客户端")),
            Query(total("tailhub_uptime_seconds", "instance"), ("seconds up", "运行秒数")),
        ),
        width=24,
        height=5,
        kind="table",
    ),
)

TRAFFIC = (
    Panel(
        ("Throughput", "吞吐量"),
        (
            Query(rate("tailhub_bytes_received_total", "instance", factor=BIT), (f"{EACH} in", f"{EACH} 流入")),
            Query(rate("tailhub_bytes_sent_total", "instance", factor=BIT), (f"{EACH} out", f"{EACH} 流出")),
        ),
        unit="bps",
        width=12,
    ),
    Panel(
        ("Packets", "数据包"),
        (
            Query(rate("tailhub_packets_received_total"), IN),
            Query(rate("tailhub_packets_sent_total"), OUT),
            Query(rate("tailhub_disco_packets_received_total"), ("path discovery", "路径发现")),
        ),
        unit="pps",
        width=12,
    ),
    Panel(
        ("Waiting in queues", "队列中等待"),
        (Query(total("tailhub_queued_bytes", "instance"), same(EACH)),),
        unit="bytes",
    ),
    Panel(
        ("Between workers and relays", "工作进程与中继之间"),
        (
            Query(rate("tailhub_packets_between_workers_total"), ("workers", "工作进程")),
            Query(rate("tailhub_packets_forwarded_in_total"), ("from other relays", "来自其他中继")),
            Query(rate("tailhub_packets_forwarded_out_total"), ("to other relays", "发往其他中继")),
        ),
        unit="pps",
    ),
    Panel(
        ("Slowed by rate limits", "因限速而暂停"),
        (
            Query(rate("tailhub_rate_limit_pauses_total"), ("pauses a second", "每秒暂停次数")),
            Query(rate("tailhub_rate_limit_paused_seconds_total"), ("clients paused", "暂停中的客户端")),
        ),
    ),
)

CLIENTS = (
    Panel(
        ("Clients", "客户端"),
        (
            Query(total("tailhub_clients", "instance"), (f"{EACH} keys", f"{EACH} 密钥")),
            Query(total("tailhub_home_connections", "instance"), (f"{EACH} homes", f"{EACH} 以此为家")),
            Query(total("tailhub_guest_connections", "instance"), (f"{EACH} guests", f"{EACH} 访客")),
        ),
    ),
    Panel(
        ("Connections", "连接"),
        (
            Query(total("tailhub_connections"), ("logged in", "已登录")),
            Query(total("tailhub_tcp_connections"), same("TCP")),
            Query(total("tailhub_tls_connections", "version"), same("{{version}}")),
            Query(total("tailhub_duplicate_connections"), ("sharing a key", "共用密钥")),
        ),
    ),
    Panel(
        ("Ended, by reason", "断开的原因"),
        (Query(rate("tailhub_closed_total", "reason"), same("{{reason}}")),),
        unit="cps",
        stacked=True,
    ),
)

DROPS = (
    Panel(
        ("Packets dropped, by reason", "丢弃的数据包（按原因）"),
        (Query(rate("tailhub_packets_dropped_total", "reason"), same("{{reason}}")),),
        unit="pps",
        width=12,
        stacked=True,
    ),
    Panel(
        ("Share of what came in, by reason", "占流入的比例（按原因）"),
        (
            Query(
                rate("tailhub_packets_dropped_total", "reason")
                + " / scalar("
                + rate("tailhub_packets_received_total")
                + ")",
                same("{{reason}}"),
            ),
        ),
        unit="percentunit",
        width=6,
    ),
    Panel(
        ("Clients that do not read", "不读取数据的客户端"),
        (
            Query(rate("tailhub_write_timeouts_total"), ("closed", "被关闭")),
            Query(rate("tailhub_control_frames_dropped_total"), ("control frames dropped", "丢弃的控制帧")),
        ),
        unit="cps",
        width=6,
    ),
)

MESH = (
    Panel(
        ("Links to other relays", "到其他中继的连接"),
        (Query(f"min by (instance, peer) ({selected('tailhub_mesh_link_up')})", same("{{instance}} → {{peer}}")),),
        width=16,
        height=6,
        kind="stat",
        steps=(("red", None), ("green", 1)),
        words={"0": ("red", ("down", "断开")), "1": ("green", ("up", "正常"))},
    ),
    Panel(
        ("Mesh faults seen", "发现的 mesh 问题"),
        (Query(total("tailhub_mesh_troubles", "instance"), same(EACH)),),
        width=8,
        height=6,
        kind="stat",
        steps=(("green", None), ("red", 1)),
    ),
    Panel(
        ("Forwarded to each relay", "转发给各中继"),
        (
            Query(
                rate("tailhub_mesh_forwarded_bytes_total", "instance", "peer", factor=BIT),
                same("{{instance}} → {{peer}}"),
            ),
        ),
        unit="bps",
    ),
    Panel(
        ("Packets to each relay", "发往各中继的数据包"),
        (
            Query(rate("tailhub_mesh_forwarded_packets_total", "peer"), same("{{peer}}")),
            Query(rate("tailhub_mesh_dropped_packets_total", "peer"), ("{{peer}} dropped", "{{peer}} 丢弃")),
        ),
        unit="pps",
    ),
    Panel(
        ("Round trip to each relay", "到各中继的往返时间"),
        (Query(f"max by (instance, peer) ({selected('tailhub_mesh_rtt_seconds')})", same("{{instance}} → {{peer}}")),),
        unit="s",
    ),
    Panel(
        ("Clients at each relay", "各中继的客户端"),
        (Query(f"max by (peer) ({selected('tailhub_mesh_remote_keys')})", same("{{peer}}")),),
    ),
    Panel(
        ("Links that came up in an hour", "一小时内建立的连接"),
        (
            Query(
                f"sum by (instance, peer) (increase({selected('tailhub_mesh_link_connects_total')}[1h]))",
                same("{{instance}} → {{peer}}"),
            ),
        ),
    ),
    Panel(
        ("Oddities of other relays", "其他中继的异常行为"),
        (Query(rate("tailhub_mesh_odd_total", "peer", "what"), same("{{peer}}: {{what}}")),),
        unit="cps",
    ),
    Panel(
        ("Relays that link here", "连到这里的中继"),
        (Query(total("tailhub_mesh_peers", "instance"), same(EACH)),),
    ),
)

STUN = (
    Panel(
        ("STUN requests, by what became of them", "STUN 请求（按结果）"),
        (Query(rate("tailhub_stun_requests_total", "disposition"), same("{{disposition}}")),),
        unit="reqps",
        width=12,
        stacked=True,
    ),
    Panel(
        ("STUN requests, by address family", "STUN 请求（按地址族）"),
        (Query(rate("tailhub_stun_families_total", "family"), same("{{family}}")),),
        unit="reqps",
        width=12,
    ),
)

LOGINS = (
    Panel(
        ("Logins", "登录"),
        (
            Query(rate("tailhub_logins_total"), ("logins", "登录")),
            Query(rate("tailhub_duplicate_logins_total"), ("with a key that is here", "密钥已在线")),
            Query(rate("tailhub_websocket_logins_total"), same("WebSocket")),
            Query(rate("tailhub_admissions_from_memory_total"), ("from memory", "凭记忆放行")),
        ),
        unit="cps",
    ),
    Panel(
        ("Refused, by reason", "拒绝的原因"),
        (Query(rate("tailhub_refused_total", "reason"), same("{{reason}}")),),
        unit="cps",
        stacked=True,
    ),
    Panel(
        ("Refused and waiting", "被拒绝与等待中"),
        (
            Query(total("tailhub_refused_keys"), ("keys on the list", "名单上的密钥")),
            Query(total("tailhub_held_connections"), ("held open", "保持连接")),
            Query(total("tailhub_waiting_logins"), ("asking a verifier", "正在询问验证者")),
        ),
    ),
    Panel(
        ("Verifiers' answers", "验证者的回答"),
        (Query(rate("tailhub_verdicts_total", "verifier", "answer"), same("{{verifier}}: {{answer}}")),),
        unit="cps",
        width=12,
    ),
    Panel(
        ("Verifiers", "验证者"),
        (Query(f"min by (verifier) ({selected('tailhub_verifier_reachable')})", same("{{verifier}}")),),
        width=12,
        kind="stat",
        steps=(("red", None), ("green", 1)),
        words={"0": ("red", ("away", "联系不上")), "1": ("green", ("there", "正常"))},
    ),
)

TENANTS = (
    Panel(
        ("Quotas used", "配额用量"),
        (
            Query(
                f"max by (tenant) ({selected('tailhub_tenant_quota_used_bytes')})"
                f" / max by (tenant) ({selected('tailhub_tenant_quota_bytes')})",
                same("{{tenant}}"),
            ),
        ),
        unit="percentunit",
        kind="bargauge",
        steps=(("green", None), ("orange", 0.8), ("red", 1)),
        most=1,
    ),
    Panel(
        ("Relayed to each tenant", "转发给各租户"),
        (Query(rate("tailhub_tenant_bytes_sent_total", "tenant", factor=BIT), same("{{tenant}}")),),
        unit="bps",
    ),
    Panel(
        ("Connections of each tenant", "各租户的连接"),
        (Query(total("tailhub_tenant_connections", "tenant"), same("{{tenant}}")),),
    ),
    Panel(
        ("Dropped, by tenant and reason", "丢弃（按租户和原因）"),
        (Query(rate("tailhub_tenant_packets_dropped_total", "tenant", "reason"), same("{{tenant}}: {{reason}}")),),
        unit="pps",
        width=12,
    ),
    Panel(
        ("Keys over quota", "超出配额的密钥"),
        (
            Query(total("tailhub_keys_over_quota"), ("over now", "当前超出")),
            Query(
                f"sum by (level) (increase({selected('tailhub_quota_levels_reached_total')}[1h]))",
                ("{{level}} in the last hour", "一小时内达到 {{level}}"),
            ),
        ),
        width=12,
    ),
)

CERTIFICATES = (
    Panel(
        ("Certificates end in", "证书剩余时间"),
        (
            Query(
                f"{selected('tailhub_certificate_expires_seconds')} - time()",
                same("{{instance}} {{listener}}"),
            ),
        ),
        unit="s",
        width=12,
        height=6,
        kind="bargauge",
        steps=LEFT,
    ),
    Panel(
        ("Credentials end in", "凭据剩余时间"),
        (Query(f"{selected('tailhub_credential_expires_seconds')} - time()", same("{{verifier}}")),),
        unit="s",
        width=12,
        height=6,
        kind="bargauge",
        steps=LEFT,
    ),
)

PROCESS = (
    Panel(
        ("CPU", "CPU"),
        (Query(rate("process_cpu_seconds_total", "instance"), same(EACH)),),
        unit="percentunit",
    ),
    Panel(
        ("Memory", "内存"),
        (Query(total("process_resident_memory_bytes", "instance"), same(EACH)),),
        unit="bytes",
    ),
    Panel(
        ("File descriptors", "文件描述符"),
        (
            Query(total("process_open_fds", "instance"), (f"{EACH} open", f"{EACH} 已打开")),
            Query(total("process_max_fds", "instance"), (f"{EACH} at most", f"{EACH} 上限")),
        ),
    ),
    Panel(
        ("Workers", "工作进程"),
        (
            Query(total("tailhub_workers", "instance"), same(EACH)),
            Query(
                f"sum by (instance) (increase({selected('tailhub_worker_restarts_total')}[1h]))",
                (f"{EACH} restarts in an hour", f"{EACH} 一小时内重启"),
            ),
        ),
    ),
    Panel(
        ("Connections that come", "新连接"),
        (
            Query(rate("tailhub_tcp_accepted_total"), ("accepted", "接受")),
            Query(rate("tailhub_tcp_rejected_total"), ("too many", "过多而关闭")),
            Query(rate("tailhub_tls_handshakes_total", "version"), same("{{version}}")),
        ),
        unit="cps",
    ),
    Panel(
        ("Pages, by status", "网页请求（按状态）"),
        (Query(rate("tailhub_http_requests_total", "status"), same("{{status}}")),),
        unit="reqps",
    ),
)

ROWS: tuple[tuple[Text, tuple[Panel, ...]], ...] = (
    (("Overview", "总览"), OVERVIEW),
    (("Traffic", "流量"), TRAFFIC),
    (("Clients", "客户端"), CLIENTS),
    (("Drops", "丢弃"), DROPS),
    (("Mesh", "Mesh"), MESH),
    (("STUN", "STUN"), STUN),
    (("Logins, refusals, verifiers", "登录、拒绝与验证者"), LOGINS),
    (("Tenants and quotas", "租户与配额"), TENANTS),
    (("Certificates and credentials", "证书与凭据"), CERTIFICATES),
    (("Process", "进程"), PROCESS),
)
