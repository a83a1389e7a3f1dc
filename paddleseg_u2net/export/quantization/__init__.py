"""Networks in fewer bits, as far as the maps stay what they are."""
