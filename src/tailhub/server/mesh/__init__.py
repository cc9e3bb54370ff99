"""Links to the other relays of the region: where they are, one link to each, and how those do."""
