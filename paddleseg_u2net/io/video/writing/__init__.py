"""Frames to video files, with the sound that belongs to them."""

from paddleseg_u2net.io.video.writing.encoding import CODECS
from paddleseg_u2net.io.video.writing.writer import VideoFileWriter, open_writer
