"""From a folder of images to a folder of pictures, at the full speed of the machine."""
