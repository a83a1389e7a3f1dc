"""Known data sets and the user's own in one layout, each made whole or not at all."""
