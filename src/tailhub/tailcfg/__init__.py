"""Tailscale's own JSON types under their own names, and what is built of them: pure.

`derpmap` (the DERP map), `build` (the map of one relay), `forms` (a policy file's snippet, JSON, Headscale's YAML);
`hujson`, `yaml_tree` (either as a tree with places), `lint` (what is wrong in it), `map_diff`, `map_edit` (in place).
"""
