"""An episode on paper: when each line of it is heard, and what is written about it."""
