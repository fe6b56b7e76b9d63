"""Workmill turns a Python function into a durable, asynchronous API."""
