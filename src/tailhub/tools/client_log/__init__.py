"""What a Tailscale client's log says about its relays, line by line and in the end. Pure: lines in, plain values out.

::

    prefix   what stands before a message, and when it was written: tailscaled's own form, journals, containers, files
    kinds    each line that is known, and the finding that it means
    errors   the same for what a client says when a connection to a relay fails
    history  the whole log: what was seen how often, and how each region stands at its end

A line's time is given as the log has it: a log seldom says in which time zone it is, and some do not say the year.
"""

from __future__ import annotations

from tailhub.tools.client_log.history import ClientLog, LogLine, RegionHistory, State, read_client_log

__all__ = ["ClientLog", "LogLine", "RegionHistory", "State", "read_client_log"]
