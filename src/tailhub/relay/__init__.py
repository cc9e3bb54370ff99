"""What a DERP server decides: who gets a packet, who may log in, what is dropped, what is counted.

Synchronous, without clock and sockets: time is an argument (`now`, monotonic seconds), and bytes leave through a queue
that the server empties after it has been woken.

- `relay`: routing, presence, everything a logged-in connection can ask for
- `registry`: which connections a key has, and which of them is active
- `connection`: one logged-in connection as the decisions see it
- `send_queue`: what waits to be written to one connection
- `admission`: who may log in
- `stats`: what is counted
"""
