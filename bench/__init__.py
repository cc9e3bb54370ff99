"""The project's own benchmark: ``python -m bench`` (see ``bench/README.md``). Not part of the installed package.

It starts relays, loads each of them from a generator in a process of its own, and prints one table. The login is
`tailhub.derp`'s; the packets are written and counted by code that lives here, so that no change of the relay's own
packet path changes the measuring instrument.
"""
