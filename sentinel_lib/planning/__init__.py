"""What a run is asked to do, and its plan: all that can be refused before anything is created."""
