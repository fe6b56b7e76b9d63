"""The pages: each a module with its routes and a template of the same name."""
