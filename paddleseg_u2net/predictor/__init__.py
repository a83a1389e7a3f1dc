"""From a name or a path to a model that predicts."""
