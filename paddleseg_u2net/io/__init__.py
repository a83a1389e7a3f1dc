"""Images, archives, downloads and files that appear whole or not at all."""
