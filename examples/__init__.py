"""Example applications, each built on the public names of Workmill only."""
