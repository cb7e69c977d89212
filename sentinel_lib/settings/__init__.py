"""What the user configures: the files under ``config/`` and the environment."""
