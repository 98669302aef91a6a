"""The tasks, a module a stage."""
