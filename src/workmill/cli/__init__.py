"""The command line: `workmill`, one door of the house, built on the public names only."""
