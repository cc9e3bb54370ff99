"""A relay that is not there: what it would tell the operator's pages. The same at each run; `now` is an argument.

For tests of the dashboard, and for its screenshots. Rates swing slowly around what each device usually does.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

from support.scripted_mesh import OWN_KEY, ScriptedMesh
from tailhub.admin.feed import ClientCounts, ClientRow, EventRow, Facts, PairRow
from tailhub.keys import NodePublic, short_key

DAY_S = 86400.0
PACKET_BYTES = 1180
TENANTS = ("", "studio", "家人")
OWNERS = {"": "ops@example.com", "studio": "", "家人": ""}
NAMES = {
    "": ("gateway-berlin", "backup-nas", "grafana", "ci-runner-1", "ci-runner-2", "db-replica", "laptop-anna", "jump"),
    "studio": (
        "render-01",
        "render-02",
        "edit-suite",
        "archive",
        "laptop-mika",
        "pixel-8",
        "colour-grading-station",
    ),
    "家人": ("小明的笔记本", "客厅电视", "妈妈的手机", "群晖", "树莓派", "爷爷家路由器"),
}
# Part of the device's own pace, share of the whole, turns of the phase: a saw, and some noise.
SWINGS = ((1.0, 0.42, 1), (1 / 2, 0.21, 2), (1 / 3, 0.14, 3), (1 / 17, 0.07, 5), (1 / 41, 0.05, 7))
HEAVY = {
    "backup-nas": 31e6,
    "render-01": 17e6,
    "archive": 9.2e6,
    "群晖": 5.1e6,
    "gateway-berlin": 2.4e6,
    "render-02": 1.7e6,
}
ROUTES = (
    ("GET", "pending"),
    ("POST", "pending/*/approve"),
    ("DELETE", "clients/*"),
    ("GET", "drain"),
    ("POST", "drain"),
    ("DELETE", "drain"),
    ("POST", "reload"),
    ("GET", "log-level"),
    ("PUT", "log-level"),
    ("POST", "notice"),
    ("DELETE", "notice"),
    ("GET", "audit"),
)


class Device:
    """One connection, and what it does: bytes a second that it sends, on average."""

    def __init__(self, number: int, name: str, tenant: str, chance: random.Random, started: float) -> None:
        self.number = number
        self.key = number.to_bytes(2) + chance.randbytes(30)
        self.name, self.tenant = name, tenant
        self.usual_per_s = HEAVY.get(name, 0.0) or (chance.paretovariate(0.6) * 30 if chance.random() < 0.4 else 0.0)
        self.usual_per_s = min(self.usual_per_s, 2e6) if name not in HEAVY else self.usual_per_s
        self.phase = chance.uniform(0, 2 * math.pi)
        self.pace_s = chance.uniform(16, 60)  # of a radian
        self.since = started + chance.uniform(60, 3 * DAY_S)
        self.address = f"{chance.choice(('203.0.113', '198.51.100', '192.0.2'))}.{chance.randrange(1, 255)}"
        self.port = chance.randrange(20000, 60000)
        self.rtt_us = int(1000 * chance.lognormvariate(3.1, 0.6))
        self.peer = self
        self.is_home = chance.random() < 0.85

    def per_s(self, now: float) -> float:
        """What it sends at `now`, bytes a second."""
        angles = ((share, now / (part * self.pace_s) + turn * self.phase) for part, share, turn in SWINGS)
        return self.usual_per_s * (1 + sum(share * math.sin(angle) for share, angle in angles))

    def sent_bytes(self, now: float) -> int:
        """What it has sent since it came: the sum of `per_s`."""
        swung = -sum(
            share * part * self.pace_s * math.cos(now / (part * self.pace_s) + turn * self.phase)
            for part, share, turn in SWINGS
        )
        return int(self.usual_per_s * max(0.0, now - self.since + swung))

    def row(self) -> ClientRow:
        """As the relay tells it at first."""
        app = "tailscale 1.96.2"
        owner = OWNERS[self.tenant] if self.name else ""
        named = (self.number, self.key, self.name, owner, self.tenant, self.address, self.port)
        return ClientRow(*named, self.since, "client" if self.is_home else "guest", app, 1 + self.number % 2)

    def counts(self, now: float) -> ClientCounts:
        """What it has done."""
        sent, got = self.sent_bytes(now), self.peer.sent_bytes(now)
        dropped = (("queue_head", got // 40_000_000),) if got > 4e9 else ()
        queued = int(self.peer.per_s(now) * 0.002)
        packets = sent // PACKET_BYTES, got // PACKET_BYTES
        return ClientCounts(self.number, self.is_home, packets[0], sent, packets[1], got, queued, self.rtt_us, dropped)


class ScriptedWorld:
    """`count` devices; `hostile`: names and programs of some are made to do harm."""

    def __init__(self, now: float, count: int = 46, *, hostile: bool = False) -> None:
        chance = random.Random(7)
        self.started = now - 12.3 * DAY_S
        named = [(name, tenant) for tenant in TENANTS for name in NAMES[tenant]]
        if hostile:
            named += [(text, "studio") for text in HOSTILE]
        named += [("", "")] * (count - len(named))
        self.devices = [
            Device(number, name, tenant, chance, self.started + 9 * DAY_S)
            for number, (name, tenant) in enumerate(named[:count], start=1)
        ]
        for tenant in TENANTS:
            group = [device for device in self.devices if device.tenant == tenant]
            for one, other in zip(group[::2], group[1::2], strict=False):
                one.peer, other.peer = other, one
        self.refused = [
            (31, "laptop-anna", "laptop-anna", "name"),
            (33, "", "", ""),
            (36, "新手机", "妈妈的手机", "address"),
        ]
        self.notices: list[dict[str, Any]] = []
        self.drain: dict[str, Any] | None = None
        self.faults: list[str] = []
        self.has_trouble = False  # a verifier that does not answer, and a quota that is used up
        self.mesh: ScriptedMesh | None = None
        self.refusal = ""  # why nothing can be done
        self.actions: list[tuple[str, str, Any]] = []  # that somebody has had done
        self._told = 0
        self._paired_at = now

    # --- numbers ------------------------------------------------------------------------------------------------------

    def values(self, now: float) -> dict[str, Any]:
        """All metrics."""
        sent = sum(device.sent_bytes(now) for device in self.devices)
        lost = {("queue_head", "other"): sent // 900_000_000, ("unknown_dest", "other"): 41_873}
        lost |= {("unknown_dest", "disco"): 15_004, ("queue_age", "other"): sent // 3_000_000_000}
        lost |= {("gone_disconnected", "other"): 1_204, ("other_tenant", "disco"): 37}
        dropped = sum(lost.values())
        packets = sent // PACKET_BYTES
        passed = now - self.started
        stun = {("success",): int(passed * 3.1), ("not_stun",): 2_911, ("limited",): 118, ("muted",): 0}
        return {
            "clients": len(self.devices),
            "connections": len(self.devices),
            "home_connections": sum(device.is_home for device in self.devices),
            "held_connections": 2 if self.refused else 0,
            "packets_received": packets + dropped,
            "bytes_received": sent + dropped * PACKET_BYTES,
            "packets_sent": packets,
            "bytes_sent": sent,
            "packets_dropped": lost,
            "queued_bytes": sum(device.counts(now).queued_bytes for device in self.devices),
            "accepts": 9_113,
            "refused": {("not on the allow list",): 381},
            "stun_requests": stun,
            "refused_keys": len(self.refused),
            "process_cpu_s": passed * 0.083,
            "process_resident_bytes": 118_400_000,
            "process_open_fds": 2 * len(self.devices) + 31,
            "process_max_fds": 65536,
            **self._by_tenant(now),
            **(self.mesh.values(now) if self.mesh is not None else {}),
        }

    def pairs(self, now: float) -> list[PairRow]:
        """What was sent since this was asked for last."""
        before, self._paired_at = self._paired_at, now
        rows = []
        for device in self.devices:
            size = device.sent_bytes(now) - device.sent_bytes(before)
            if device.peer is not device and size > 0:
                packets = -(-size // PACKET_BYTES)
                rows.append(PairRow(device.tenant, device.key, device.peer.key, packets, size, size))
        return rows

    def history(self, since: float, now: float) -> dict[str, Any]:
        """The last 15 minutes in the API's form, as if somebody had looked all the time."""
        times = [now - ago for ago in range(900, -1, -1) if now - ago > since]
        rates = [sum(device.per_s(at) for device in self.devices) for at in times]
        chance = random.Random(3)
        lost = [max(0.0, chance.gauss(3, 3)) for _ in times]
        count = len(self.devices)
        return {
            "interval_s": 1.0,
            "t": times,
            "bytes_received_per_s": [rate * 1.003 for rate in rates],
            "bytes_sent_per_s": rates,
            "packets_received_per_s": [rate / PACKET_BYTES + less for rate, less in zip(rates, lost, strict=True)],
            "packets_sent_per_s": [rate / PACKET_BYTES for rate in rates],
            "packets_dropped_per_s": lost,
            "stun_requests_per_s": [max(0.0, chance.gauss(3.1, 1.2)) for _ in times],
            "clients": [count - (2 if 300 < now - at < 420 else 0) - (1 if now - at > 700 else 0) for at in times],
        }

    def events(self, now: float) -> list[EventRow]:
        """Lines of the log that are new: all at the first time."""
        lines = EVENTS[self._told :]
        self._told = len(EVENTS)
        return [EventRow(now - ago, level, event, text, {}) for ago, level, event, text in lines]

    # --- facts --------------------------------------------------------------------------------------------------------

    def facts(self, now: float, state_dir: str) -> Facts:
        """What changes seldom."""
        state = "unreachable" if self.has_trouble else "ok"
        workers = [
            {"number": 1, "pid": 41207, "clients": 24, "cpu_percent": 8.3, "resident_bytes": 58_100_000},
            {"number": 2, "pid": 41208, "clients": 22, "cpu_percent": 6.1, "resident_bytes": 57_300_000},
        ]
        mesh = self.mesh.facts(workers, now) if self.mesh is not None else {"peers": [], "workers": workers}
        return Facts(
            {
                "relay": {
                    "version": "0.1.0",
                    "started": self.started,
                    "hostname": "derp.example.com",
                    "addresses": ["203.0.113.7", "2001:db8::7"],
                    "region_id": 947,
                    "public_key": OWN_KEY,
                    "workers": 2,
                    "worker_restarts": 0,
                    "log_level": "info",
                    "state_dir": state_dir,
                },
                "state_dir": state_dir,
                "faults": self.faults,
                "drain": self.drain,
                "notices": self.notices,
                "own_names": ["derp.example.com"],
                "routes": [{"method": method, "path": path} for method, path in ROUTES],
                "certificates": [
                    _certificate(":443", ["derp.example.com", "203.0.113.7"], 61.2, now, "acme", "Let's Encrypt E7"),
                    _certificate(":8443", ["203.0.113.7"], 3611.0, now, "pinned", ""),
                ],
                "verifiers": [
                    _verifier("tailscaled /run/tailscale/tailscaled.sock", "", "ok", now - 5 * DAY_S),
                    _verifier(
                        "https://headscale.example.com/verify",
                        "studio",
                        state,
                        now - 460,
                    ),
                    _verifier("allow list /var/lib/tailhub/allowed_keys", "家人", "ok", now - 12 * DAY_S),
                ],
                "tenants": list(TENANTS),
                "listeners": [{"name": "admin", "listen": "127.0.0.1:9912", "port": 9912, "tls": False}],
                "quotas": self._quotas(now),
                "mesh": mesh,
            }
        )

    def _by_tenant(self, now: float) -> dict[str, dict[tuple[str, ...], float]]:
        names = {tenant: tenant or "default" for tenant in TENANTS}
        groups = {name: [one for one in self.devices if one.tenant == tenant] for tenant, name in names.items()}
        sent = {name: sum(one.sent_bytes(now) for one in group) for name, group in groups.items()}
        packets = {(name,): size // PACKET_BYTES for name, size in sent.items()}
        sizes = {(name,): size for name, size in sent.items()}
        return {
            "tenant_connections": {(name,): len(group) for name, group in groups.items()},
            "tenant_packets_received": packets,
            "tenant_bytes_received": sizes,
            "tenant_packets_sent": packets,
            "tenant_bytes_sent": sizes,
            "tenant_packets_dropped": {(name, "queue_head"): size // 900_000_000 for name, size in sent.items()},
        }

    def _quotas(self, now: float) -> dict[str, Any]:
        devices = {device.name: device for device in self.devices}
        rows = [
            _quota("tenant", "", "", "", 1_284e9, 3_000e9),
            _quota("tenant", "studio", "", "", 1_873e9, 2_000e9),
            _quota("tenant", "家人", "", "", 96.4e9, 500e9),
        ]
        for name, used, limit in (
            ("backup-nas", 903e9, 1_000e9),
            ("群晖", 51.7e9 if self.has_trouble else 43.1e9, 50e9),
            ("laptop-anna", 12.8e9, 100e9),
        ):
            if (device := devices.get(name)) is not None:
                rows.append(_quota("key", device.tenant, NodePublic.PREFIX + device.key.hex(), name, used, limit))
        period = {"start": now - 26 * DAY_S, "end": now + 4 * DAY_S}
        return {"period": period, "currency": "EUR", "price_per_gb": 0.01, "quotas": rows}

    # --- actions ------------------------------------------------------------------------------------------------------

    def act(self, method: str, path: str, query: str, body: bytes, caller: str, now: float) -> tuple[int, bytes]:
        """Answer a call of the relay's own part of the API; status and body."""
        fields = json.loads(body) if body else {}
        if method != "GET" and self.refusal:
            error = {"code": "TH000", "what": self.refusal, "remedy": "", "texts": {"zh": {"what": "端口不对"}}}
            return 409, json.dumps({"error": error}).encode()
        if method != "GET":
            self.actions.append((method, path, fields))
        answer: Mapping[str, Any] = {}
        if (method, path) == ("GET", "pending"):
            answer = {"pending": list(self._pending(now)), "has_verifiers": True, "has_list": True}
        elif path.startswith("pending/"):
            number = int(path.split("/")[1])
            self.refused = [one for one in self.refused if one[0] != number]
            answer = {"allowed": {"name": fields["name"]}, "replaced": []}
        elif path == "notice":
            self.notices = [{"id": "everybody", "text": fields["text"], "at": now}] if method == "POST" else []
            answer = {"notices": self.notices}
        elif path == "drain" and method != "GET":
            self.drain = {"phase": "delaying", "delay_s": 360.0, "elapsed_s": 21.0} if method == "POST" else None
            answer = {"phase": "delaying" if self.drain else "off"}
        elif path == "reload":
            answer = {"changed": ["certificates"], "needs_restart": ["stun_listen"]}
        elif path == "log-level":
            answer = {"level": "info", "debug": []} if method == "GET" else fields
        elif path == "audit":
            answer = {"entries": [{"at": now - ago, **entry} for ago, entry in AUDIT]}
        return 200, json.dumps(answer).encode()

    def _pending(self, now: float) -> Iterator[dict[str, Any]]:
        for number, node, replaces, reason in self.refused:
            key = random.Random(number).randbytes(32)
            old = next((device for device in self.devices if device.name == replaces), None) if replaces else None
            yield {
                "id": number,
                "key": NodePublic.PREFIX + key.hex(),
                "short": short_key(key),
                "address": f"198.51.100.{number}",
                "first_unix_s": now - 900 * number,
                "last_unix_s": now - 20 * (number - 30) ** 3,
                "count": number % 7 + 1,
                "is_held": number % 3 == 0,
                "node": node,
                "answers": [],
                "replaces": {"name": old.name, "short": short_key(old.key), "tenant": old.tenant, "reason": reason}
                if old is not None
                else None,
            }


def _certificate(listener: str, names: list[str], days: float, now: float, source: str, issuer: str) -> dict[str, Any]:
    dates = {"not_before": now - 20 * DAY_S, "not_after": now + days * DAY_S, "days_left": days}
    is_pinned = source == "pinned"
    named = {"listener": listener, "names": names, "source": source, "pinned": is_pinned, "issuer": issuer}
    return {**named, **dates, "cert_name": ""}


def _verifier(name: str, tenant: str, state: str, since: float) -> dict[str, Any]:
    detail = "connection refused" if state == "unreachable" else ""
    return {"name": name, "tenant": tenant, "state": state, "since": since, "detail": detail}


def _quota(scope: str, tenant: str, key: str, name: str, used: float, limit: float) -> dict[str, Any]:
    share = used / limit
    return {
        "scope": scope,
        "tenant": tenant,
        "key": key,
        "name": name,
        "used_bytes": int(used),
        "quota_bytes": int(limit),
        "level": "over" if share >= 1 else "warned" if share >= 0.8 else "ok",
        "cost": used * 0.01 / 1e9,
    }


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "\u202eoverride\u202c",
    "a" * 255,
)
EVENTS = (
    (5400, "info", "start", "tailhub 0.1.0 serves DERP on :443 and :8443, STUN on :3478"),
    (3122, "info", "login", "login: [mYq1k] laptop-mika (studio) from 198.51.100.23"),
    (1431, "warning", "verifier", "https://headscale.example.com/verify took 2.1 s to answer"),
    (902, "info", "refused", "refused: [p3xTz] from 198.51.100.31: not on the allow list"),
    (
        411,
        "info",
        "logout",
        "logout: [Kq0vR] pixel-8 (studio) after 2 h 14 min: 1.2 GB in, 310 MB out; closed by the client",
    ),
    (366, "info", "login", "login: [Kq0vR] pixel-8 (studio) from 203.0.113.90"),
    (74, "info", "refused", "refused: [9aLm2] from 198.51.100.36: not on the allow list"),
    (12, "info", "scanners", "19 connections in the last 10 min were no DERP clients (8 addresses)"),
)
AUDIT = (
    (80_000, {"caller": "unix socket", "action": "POST pending/29/approve", "target": "edit-suite", "outcome": "done"}),
    (7_200, {"caller": "token from 127.0.0.1", "action": "POST reload", "target": "", "outcome": "done"}),
)
