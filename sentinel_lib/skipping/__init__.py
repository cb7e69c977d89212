"""Which stages of a run need not run again, and what stands for them."""
