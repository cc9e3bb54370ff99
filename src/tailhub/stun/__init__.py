"""STUN: telling a client from which address and port its packets arrive.

- `message`: Binding requests and answers, Tailscale's form and plain RFC 8489, both sides
- `limits`: how often one source may ask in the plain form, whose answers are longer than the questions

Neither knows sockets or clocks. Of STUN only the Binding method is spoken: no authentication, no TURN, no RFC 5780.
"""
