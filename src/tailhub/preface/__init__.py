"""The first bytes of a connection, sans-I/O: what a newcomer speaks, before anything answers it.

- `preface`: which protocol it is, and the few raw answers given before a protocol runs
- `clienthello`: a TLS ClientHello read without TLS: the name asked for, ALPN, whether TLS 1.3 is offered
- `proxy_header`: the PROXY header of a proxy that passes TCP on · `forwarded`: the header of one that speaks HTTP
"""
