"""Where a relay's certificate comes from, and what a DERP map says about it.

Source: ``clients.md`` §5 (what real clients accept), ``derp.md`` §1 (the meta certificate). Nothing here decides which
certificate a relay uses; the server does. ``cryptography`` is imported inside the functions that need it.
"""
