"""From the spoken lines of a script to the files of its episode, on this machine."""
