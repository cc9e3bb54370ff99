"""The small pages of a relay as pure functions from a request to an answer: no sockets, no event loop, no state.

- `message`: Request and Response
- `callers`: who is asking: loopback or not, which Host
- `pages`: the public port: home, probes, captive portal check, bootstrap DNS
- `home`: the home page itself
- `debug`, `varz`: ``/debug/`` on the public port, for the relay's own machine
- `security`: headers that keep browsers from doing anything clever
- `plain`: the plain HTTP port
- `operator_pages`: those of the operator's pages that the relay makes: health, the DERP map
- `operator_api`: the relay's own part of the operator's API
- `metrics`: the table of the relay's metrics and their Prometheus text

Numbers, names and maps come from callables that the server hands in; bytes are moved by the server.
"""
