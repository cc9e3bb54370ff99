"""The process: sockets, TLS, files, HTTP. Moves bytes; the rules are in `tailhub.relay` and `tailhub.derp`.

`app` alone knows everyone and hands each part what it needs.
"""
