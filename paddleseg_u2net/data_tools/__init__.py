"""Data sets made, checked and looked at."""
