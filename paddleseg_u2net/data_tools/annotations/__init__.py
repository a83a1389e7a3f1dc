"""What label files are read into: samples, classes, shapes and mask files."""
