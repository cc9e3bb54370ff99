"""Tools for whoever runs or uses relays, any relays: checking, choosing, measuring, and DERP maps.

A library: each tool is a function that takes plain values and gives plain values, and `tailhub.cli` only prints those.
`docs/tools.md` is a tour of them. ::

    doctor       why does it not work? A relay from outside, or the machine that it runs on
    client_log   what a Tailscale client's log says about its relays
    netcheck     which region would a client choose from here, and does that work?
    probe        loss, delay and bandwidth, for long
    derpmap      DERP maps as files: made, looked through, changed in place, converted
    map_push     bringing a relay's region to those who hand maps out

What they share: `target` (what is looked at), `map_source` (where a map comes from), `report` (what a check says),
`masking` (for strangers), `own_key` (who the tools are at login), `admin_socket` (asking the relay that runs here).
"""
