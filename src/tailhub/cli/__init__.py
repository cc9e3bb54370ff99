"""The command line: one module a command. Turns flags into a configuration and findings into sentences."""
