"""The lines of `tailhub.settings.table`, by topic. A module has one tuple for each of its sections."""
