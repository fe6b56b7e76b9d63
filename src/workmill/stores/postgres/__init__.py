"""The room on PostgreSQL: many machines, every accepted job as safe as the server keeps it."""
