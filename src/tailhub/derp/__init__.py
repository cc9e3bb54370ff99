"""The DERP protocol, sans-I/O: what bytes mean, for a server and for a client. No clock, no sockets, no decisions.

- `frames`: types, limits, bodies
- `codec`: frames out of a stream, one by one
- `runs`: the server's decoder for the packet path
- `handshake`: the login, both sides
- `upgrade`: from ``GET /derp`` to frames, both sides
- `websocket`: the DERP stream inside WebSocket messages
"""
