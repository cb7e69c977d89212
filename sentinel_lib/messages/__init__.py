"""What is said of a run: on the terminal, in its summary, and in a notification."""
