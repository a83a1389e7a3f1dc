"""Trained models as files of an engine, and weights in other formats."""
