"""The quality gate: what a take sounds like is judged before it counts."""
