"""Folders of saliency maps against masks: tables, curves and a page."""
