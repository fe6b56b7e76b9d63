"""Workmill inside other people's frameworks; each needs what its extra installs, and none is imported by another."""
