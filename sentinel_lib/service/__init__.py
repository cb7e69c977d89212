"""The scheduled job: runs the pipeline when it is due, and says whether that goes well."""
