"""The long-running processes, a module each: the worker, the sweeper, the API. None loads what another needs."""
