"""A region of several relays, seen from outside: do they know each other, and does a packet find its way between them?

::

    seen    what is seen of a region: plain values
    look    I/O: logs in to every node, with the mesh key or without
    judge   pure: what it means
"""
