"""From single sounds to one mastered file: found edges, one mix, one gain, a limiter, and what the file tells."""
