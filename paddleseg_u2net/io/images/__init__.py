"""Image files to arrays and back, by Pillow: OpenCV turns a cut JPEG into grey areas silently.

Arrays are always upright, RGB (never BGR) and `uint8`, except that masks keep the values of the
file. Every error is an `ImageError` that begins with the path; so is a lack of memory.
"""

from paddleseg_u2net.io.images.decoding import (
    convert_image,
    decode,
    decode_file,
    decode_image,
    eight_bit,
    read_colours,
    read_image,
    read_mask,
    read_still,
)
from paddleseg_u2net.io.images.headers import Header, image_size, read_header
from paddleseg_u2net.io.images.metadata import Metadata
from paddleseg_u2net.io.images.opening import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    ImageError,
    PathLike,
    TooManyPixels,
    at_most_pixels,
    check_pixel_count,
    files_below,
    find_images,
    memory_named,
    open_picture,
)
from paddleseg_u2net.io.images.originals import (
    Original,
    convert_original,
    decode_original,
    read_original,
)
from paddleseg_u2net.io.images.png_packing import packed_png
from paddleseg_u2net.io.images.tiff_writing import tiff_bytes
from paddleseg_u2net.io.images.writing import (
    WRITABLE_SUFFIXES,
    deep_png_bytes,
    picture_bytes,
    png_bytes,
    write_image,
    write_png,
)
