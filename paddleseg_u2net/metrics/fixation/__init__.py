"""Metrics of saliency maps against fixations."""
