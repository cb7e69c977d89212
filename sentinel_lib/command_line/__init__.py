"""The command line: what can be asked, and what is done and said then."""
