"""oneDNN, as Paddle's wheels for CPUs bring it along, without Paddle's own operators around it."""
