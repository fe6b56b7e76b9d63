"""All examples at once: a landing page, the five under paths of their own, the dashboard, and one worker."""
