"""One configuration: what can be set, and how flags, variables and a file become one `RelayConfig`.

- `table`: every setting there is, put together of `sections`: the source of flags, variables, keys and documentation
- `values`: a setting's text or TOML value becomes what the relay takes, or a finding that names the place
- `toml_file`: the configuration file, with the line of each key; `default_file`: where it is
- `merge`: a flag wins over a variable, a variable over the file
- `example`: the commented file that ``config init`` writes; `chinese`: its words in Chinese
- `machine_checks`: what ``config check`` finds out on this machine without starting

Not here: what a value may be in the end (`tailhub.server.config`), and anything that is printed (`tailhub.cli.config`).
"""

from __future__ import annotations
