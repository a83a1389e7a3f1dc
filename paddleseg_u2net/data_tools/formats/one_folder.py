"""Images and masks in one folder: which files are which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

from paddleseg_u2net.data_tools.formats.mask_files import JPEG

# Words that begin or end a mask's name, as in x_mask.png, x_mask_1.png, x-gt.png, GT_x.png.
_WORDS = "mask|label|lbl|gt|seg|segm|segmentation|anno|annotation|matte|alpha|groundtruth|truth"
_MASK = re.compile(rf"(?i)(?:{_WORDS})s?(?:[^a-z].*)?$|.*[^a-z](?:{_WORDS})s?[^a-z]*$")


def sides(files: Sequence[Path]) -> Iterator[Tuple[List[Path], List[Path]]]:
    """Ways to tell images from masks, the likeliest first: by words in names, JPEG images."""
    by_name = [bool(_MASK.match(path.stem)) for path in files]
    by_suffix = [path.suffix.lower() not in JPEG for path in files]
    for is_mask in (by_name, by_suffix):
        images = [path for path, mask in zip(files, is_mask) if not mask]
        masks = [path for path, mask in zip(files, is_mask) if mask]
        if images and masks:
            yield images, masks
