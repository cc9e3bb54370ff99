"""A region of several relays, seen from outside: do they know each other, and does a packet find its way between them?
And made: a plan for all of them from one description, and a restart of one after the other.

::

    seen    what is seen of a region: plain values
    look    I/O: logs in to every node, with the mesh key or without
    judge   pure: what it means

    description, plan (pure), plan_directory    from one file to the files of all nodes
    restart                                     one node after the other
"""
