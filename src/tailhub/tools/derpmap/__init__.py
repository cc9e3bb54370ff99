"""DERP maps as files: made from relays, looked through, changed in place, turned into another form, compared.

`lint` (what is wrong in one), `asking` and `ports` (what only the relays themselves can tell), `making` (an entry for
a relay), `fields` (the fields by which a person names them), `map_file` (reading and writing), `converting`. Pure parts
that need no file and no network are in `tailhub.tailcfg`: `map_edit` changes a text, `map_diff` compares.
"""
