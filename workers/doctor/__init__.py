"""Checks every part the product needs, and says the fix for what is wrong. `Doctor` is the way in."""

from workers.doctor.finding import Finding
from workers.doctor.rounds import Doctor

__all__ = ["Doctor", "Finding"]
