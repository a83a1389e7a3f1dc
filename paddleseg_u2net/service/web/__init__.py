"""HTTP itself: what comes in, within limits, what goes out, and how it is described."""
