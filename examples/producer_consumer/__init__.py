"""Producers and consumers about a bounded queue, publishers and subscribers about a channel: a Flask application."""
