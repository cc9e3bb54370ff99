"""The check on the relay's own machine."""
