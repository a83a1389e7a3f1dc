"""What goes wrong with a known data set."""


class PreparationError(ValueError):
    """A data set cannot be prepared; the message says what was found, and what to do."""
