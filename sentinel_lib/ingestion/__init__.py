"""Where bars come from: the sources, what is due from each, and payloads read into raw bars."""
