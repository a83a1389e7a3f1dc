"""Readers of other tools' label files; each reads one format into an `AnnotatedDataset`."""
