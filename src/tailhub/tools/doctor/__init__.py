"""Why does it not work? A relay looked at as its clients see it, from name to packet; or on its own machine.

::

    look/    I/O: makes connections, sends packets, reads files. Gives plain observations, judges nothing
    judge/   pure: what an observation means. The types of the observations are here, beside their meaning
    local/   the same two for the machine that the relay runs on
    outside  the order of looking from outside, and of what is said
"""
