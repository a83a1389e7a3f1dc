"""What image and mask files of a data set are like: facts, findings, numbers."""
