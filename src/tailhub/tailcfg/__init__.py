"""Tailscale's own JSON types under their own names, and what is built of them: pure.

`derpmap` (the DERP map), `build` (the map of one relay), `forms` (a policy file's snippet, JSON, Headscale's YAML).
"""
