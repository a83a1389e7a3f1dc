"""Archives from elsewhere: told by their content, unpacked safely, whole or not at all."""

from paddleseg_u2net.io.archives.source import ArchiveError
from paddleseg_u2net.io.archives.unpack import kind, unpack
