"""Pickles read as data: an unpickler that calls nothing a file names, and what names stand for."""
