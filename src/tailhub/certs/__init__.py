"""Where a relay's certificate comes from, and what a DERP map says about it.

Sources: what real clients were seen to accept, and the reference (the meta certificate). Nothing here decides which
certificate a relay uses; the server does. ``cryptography`` is imported inside the functions that need it.
"""
