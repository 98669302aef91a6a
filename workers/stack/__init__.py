"""The local stack: everything Callsheet needs on one machine, started, watched and stopped as one.

`control.Stack` is the way in. It decides what to run (`parts/`) and hands the list to a supervisor, which
knows processes only: it imports no Celery, no SQL and no settings, so that it starts at once and stays small.
"""
