"""The producer's commands, a module a concern."""
