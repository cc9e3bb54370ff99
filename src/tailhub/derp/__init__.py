"""The DERP protocol, sans-I/O: what bytes mean, for a server and for a client. No clock, no sockets, no decisions.

- `frames`: types, limits, bodies
- `codec`: frames out of a stream, one by one
- `runs`: the server's decoder for the packet path
- `handshake`: the login, both sides
- `upgrade`: from ``GET /derp`` to frames, both sides
- `client_protocol`: the client's side of a whole connection; `messages`: what it says
- `meta_cert`: recognising the certificate that makes a fast start possible
- `websocket`: the DERP stream inside WebSocket messages
"""
