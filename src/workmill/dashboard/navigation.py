"""What stands in the rail: each section's route, its word, and the key that goes there after `g`."""

SECTIONS = (
    ("overview", "Overview", "o"),
    ("jobs", "Jobs", "j"),
    ("tasks", "Tasks", "t"),
    ("queues", "Queues", "q"),
    ("schedules", "Schedules", "s"),
    ("flows", "Flows", "f"),
    ("workers", "Workers", "w"),
)
