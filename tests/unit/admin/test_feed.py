"""Messages between the relay and the pages' process."""

from __future__ import annotations

import pickle

from tailhub.admin.feed import ClientCounts, ClientRow, ClientsCame, ClientsCounted, PairRow, PairsUsed

COUNTS = (7, True, 1, 2, 3, 4, 5, 6, (("queue_age", 8),))
CLIENT = (7, bytes(32), "laptop", "ada@example.com", "", "192.0.2.1", 4321, 1.5, "client", "app", 0)
PAIR = ("", bytes(32), bytes(range(32)), 1, 2, 3)


def test_plain_rows_arrive_with_names() -> None:
    """Rows that are sent as plain tuples are named ones for whoever reads them."""
    counted = pickle.loads(pickle.dumps(ClientsCounted.plain([COUNTS])))
    assert counted == ClientsCounted([ClientCounts._make(COUNTS)])
    assert counted.rows[0].dropped == (("queue_age", 8),)
    came = pickle.loads(pickle.dumps(ClientsCame.plain([CLIENT])))
    assert came == ClientsCame([ClientRow._make(CLIENT)])
    assert came.rows[0].owner == "ada@example.com"
    used = pickle.loads(pickle.dumps(PairsUsed.plain([PAIR])))
    assert used == PairsUsed([PairRow._make(PAIR)])
    assert used.rows[0].out_bytes == 3
