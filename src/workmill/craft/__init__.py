"""The craft: tasks, their signatures, what runs one job, and the client that stores and follows jobs."""
