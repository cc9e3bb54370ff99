"""Tools for whoever runs or uses relays, any relays: checking, choosing, measuring, and DERP maps.

A library: each tool is a function that takes plain values and gives plain values, and `tailhub.cli` only prints those.
`target` (what is looked at), `report` (what a check says), `doctor` (why does it not work?).
"""
