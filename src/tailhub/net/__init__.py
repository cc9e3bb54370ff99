"""Sockets, TLS and interfaces for asyncio programs; knows no DERP.

- `stream`: a connection with TLS of our own; `write_watch`: peers that do not read; `crowd`: many that come at once
- `accept`: new connections; `tls_context`: TLS settings of the server; `turn_selector`: the end of a loop turn
- `listen_spec`, `bind`, `port_owner`: what to listen on, listening, and who is in the way
- `interfaces`: this machine's addresses; `container`: whether it is a container
"""
