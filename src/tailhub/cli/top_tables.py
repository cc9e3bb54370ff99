"""The tables of ``tailhub top``: clients, pairs and other relays, with as many columns as there is room for. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from tailhub.admin.api_types import Client, Pair, Peer
from tailhub.cli.top_chart import bits, clock_span, count, size
from tailhub.cli.top_texts import TEXTS
from tailhub.cli.top_view import Wish, link_word
from tailhub.findings import Language, printable

__all__ = ["WIDE", "clients_table", "mesh_table", "pairs_table"]

WIDE = 110  # columns of the terminal from which on there is room for more
_ADDRESS = 15  # columns
_ROOM = {"bytes": 54, "drops": 62, "rtt": 71, "since": 80}  # columns of the terminal from which on there is room for it
_BUSY_PER_S = 12_500.0  # bytes: 100 kbit/s


def clients_table(clients: Sequence[Client], wish: Wish, lang: Language, columns: int, now: float) -> Table:
    """A row for each connection."""
    texts, is_wide = TEXTS[lang], columns >= WIDE
    has_tenants = is_wide and any(client.tenant for client in clients)
    table = _table()
    _column(table, texts["device"], wish, "name", ratio=1)
    if has_tenants:
        _column(table, texts["tenant"], wish)
    if is_wide:
        _column(table, texts["kind"], wish)
        _column(table, texts["address"], wish)
    _column(table, texts["sends"], wish, "rate", right=True, width=11)
    _column(table, texts["gets"], wish, "rate", right=True, width=11)
    shown = [name for name, least in _ROOM.items() if columns >= least]
    for name in shown:
        _column(table, texts[name], wish, name, right=True, width={"bytes": 8, "drops": 6}.get(name, 7))
    for client in clients:
        cells = [_device(client.name, client.short, client.owner if is_wide else "")]
        if has_tenants:
            cells.append(Text(printable(client.tenant)))
        if is_wide:
            cells.append(_kind(client, lang))
            cells.append(_cut(client.address, _ADDRESS))
        dropped = sum(client.dropped.values())
        cells += [_rate(client.bytes_received_per_s, "magenta"), _rate(client.bytes_sent_per_s, "cyan")]
        more = {
            "bytes": Text(size(client.bytes_received + client.bytes_sent)),
            "drops": Text(count(dropped), "yellow") if dropped else Text("·", "dim"),
            "rtt": Text(f"{client.rtt_ms:.0f} ms") if client.rtt_ms is not None else Text("·", "dim"),
            "since": Text(clock_span(now - client.since), "dim"),
        }
        table.add_row(*cells, *(more[name] for name in shown))
    return table


def pairs_table(pairs: Sequence[Pair], wish: Wish, lang: Language, columns: int, now: float) -> Table:
    """A row for each sender and receiver."""
    texts = TEXTS[lang]
    table = _table()
    _column(table, texts["source"], wish, ratio=1)
    _column(table, "", wish)
    _column(table, texts["target"], wish, ratio=1)
    _column(table, texts["rate"], wish, "rate", right=True, width=11)
    _column(table, texts["bytes"], wish, "bytes", right=True, width=8)
    if columns >= WIDE:
        _column(table, texts["packets_total"], wish, right=True, width=9)
    _column(table, texts["last"], wish, "last", right=True, width=7)
    for pair in pairs:
        cells = [
            _device(pair.src_name, pair.src_short),
            Text("→", "dim"),
            _device(pair.dst_name, pair.dst_short),
            _rate(pair.bytes_per_s, "cyan"),
            Text(size(pair.bytes)),
        ]
        if columns >= WIDE:
            cells.append(Text(count(pair.packets)))
        cells.append(Text(clock_span(now - pair.last), "dim"))
        table.add_row(*cells)
    return table


def mesh_table(peers: Sequence[Peer], wish: Wish, lang: Language, columns: int, now: float) -> Table:
    """A row for each other relay of the region."""
    texts, is_wide = TEXTS[lang], columns >= WIDE
    table = _table()
    _column(table, texts["relay"], wish, ratio=1)
    _column(table, texts["state"], wish, ratio=1 if is_wide else 0)
    _column(table, texts["clients"], wish, right=True)
    _column(table, texts["rtt"], wish, right=True, width=7)
    _column(table, texts["forwarded"], wish, right=True, width=11)
    if is_wide:
        _column(table, texts["drops"], wish, right=True, width=6)
        _column(table, texts["version"], wish)
    _column(table, texts["since"], wish, right=True, width=7)
    for peer in peers:
        word, tone = link_word(peer)
        style = {"good": "green", "warning": "yellow", "bad": "red", "quiet": "dim"}[tone]
        said = texts.get(f"link_{word}", printable(word)).format(up=peer.links_up, of=peer.links)
        state = Text.assemble(("● ", style), (said, style))
        reason = peer.texts.get(lang, {}).get("reason", peer.reason)
        if is_wide and reason:
            state.append(f"  {printable(' '.join(reason.splitlines()))}", "dim")
        is_linked = peer.links_up > 0
        cells = [
            Text(printable(peer.name)),
            state,
            Text(count(peer.keys)) if is_linked else Text("·", "dim"),
            Text(f"{peer.rtt_ms:.0f} ms") if peer.rtt_ms is not None else Text("·", "dim"),
            _rate(peer.bytes_per_s, "cyan"),
        ]
        if is_wide:
            cells.append(Text(count(peer.dropped_packets), "yellow") if peer.dropped_packets else Text("·", "dim"))
            cells.append(Text(printable(f"tailhub {peer.version}" if peer.version else peer.app), "dim"))
        cells.append(Text(clock_span(now - peer.since) if peer.since else "·", "dim"))
        table.add_row(*cells)
    return table


def _table() -> Table:
    return Table(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")


def _column(
    table: Table, title: str, wish: Wish, sort: str = "", *, right: bool = False, width: int = 0, ratio: int = 0
) -> None:
    """One column; the one by which the table is sorted has an arrow."""
    is_sorted = bool(sort) and sort == wish.sort
    arrow = (" ▼" if wish.is_descending else " ▲") if is_sorted else ""
    if sort == "rate" and any(str(column.header).endswith(("▼", "▲")) for column in table.columns):
        arrow = ""  # one arrow for both directions
    header = Text(title + arrow, "bold" if is_sorted else "dim bold")
    table.add_column(
        header,
        justify="right" if right else "left",
        no_wrap=True,
        overflow="ellipsis",
        min_width=width or None,
        ratio=ratio or None,
    )


def _device(name: str, short: str, owner: str = "") -> Text:
    """A device by its name, else by its short key."""
    if not name:
        return Text(printable(short), "dim")
    return Text(printable(name)) + Text(f"  {printable(owner)}" if owner else "", "dim")


def _cut(address: str, columns: int) -> Text:
    """An address; of a long one its end, in which neighbours differ."""
    shown = printable(address)
    return Text(shown if len(shown) <= columns else f"…{shown[1 - columns :]}", "dim")


def _rate(bytes_per_s: float, style: str) -> Text:
    if bytes_per_s < 0.5:
        return Text("·", "dim")
    return Text(bits(bytes_per_s), f"bold {style}" if bytes_per_s >= _BUSY_PER_S else style)


def _kind(client: Client, lang: Language) -> Text:
    texts = TEXTS[lang]
    if client.kind == "client" and client.home:
        return Text(texts["home"], "green")
    return Text(texts.get(client.kind, client.kind), "yellow" if client.kind == "guest" else "dim")
