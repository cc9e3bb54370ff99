"""Sockets, TLS and interfaces for asyncio programs; knows no DERP.

- `stream`: a connection with TLS of our own; `accept`: new connections; `tls_context`: the server's TLS settings
- `listen_spec`, `bind`, `port_owner`: what to listen on, listening, and who is in the way
- `interfaces`: this machine's addresses
"""
