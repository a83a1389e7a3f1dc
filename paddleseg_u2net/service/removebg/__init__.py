"""The address of remove.bg's API, for clients that have it."""
