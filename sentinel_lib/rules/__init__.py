"""What a suite may demand: the kinds of rules, and ``config/expectations/*.yaml``."""
