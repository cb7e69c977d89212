"""How market files are written: what packs them, what separates them, and what their values say."""
