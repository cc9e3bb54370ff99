#!/bin/sh
# What the container runs: the relay with the flags that are given; as `derper`, if its environment speaks of that.
set -eu

# DERP_PORT… and DERP_SERVICE_… are Kubernetes' words about a service called `derp`.
if awk 'BEGIN { for (name in ENVIRON) if (name ~ /^DERP_/ && name !~ /^DERP_(PORT|SERVICE)(_|$)/) exit 0; exit 1 }'; then
  # The original's default for its key is a directory that no volume keeps.
  exec derper -c "${STATE_DIRECTORY:-/var/lib/tailhub}/derper.key" "$@"
fi
exec tailhub relay "$@"
