"""Processes that run one job at a time, so that each job can be ended whatever its code does."""
