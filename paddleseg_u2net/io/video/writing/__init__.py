"""Frames to video files, with the sound that belongs to them."""

from paddleseg_u2net.io.video.writing.writer import open_writer
