"""Folders of saliency maps, of any method, scored against ground truth."""
