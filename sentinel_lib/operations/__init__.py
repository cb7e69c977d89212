"""What is done to published data besides running the pipeline: compare, restore, rebuild, tidy."""
