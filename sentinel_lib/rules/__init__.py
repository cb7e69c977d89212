"""What a suite may demand: a file for each kind of rule, and ``config/expectations/*.yaml``."""
