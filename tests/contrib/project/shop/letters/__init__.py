"""An app whose tasks are declared with Django's own API."""
