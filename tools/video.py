"""See `python tools/video.py --help`; the same as `python -m paddleseg_u2net video`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paddleseg_u2net.commands import end_by

if __name__ == "__main__":
    end_by("video")
