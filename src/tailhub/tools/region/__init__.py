"""A region of several relays: how they look from outside, a plan for all of them, and restarting one after another."""
