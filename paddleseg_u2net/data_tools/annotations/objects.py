"""From the objects that label files name to samples: the loop that readers of shapes share."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Callable, Collection, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Type
from typing import Counter as CounterType

from paddleseg_u2net.data_tools.annotations.classes import Numbered
from paddleseg_u2net.data_tools.annotations.image_index import unique_names
from paddleseg_u2net.data_tools.annotations.sample import (
    AnnotatedDataset,
    AnnotationError,
    Bad,
    Picture,
    Sample,
    counted,
)
from paddleseg_u2net.data_tools.annotations.shapes import Drawing, Shape
from paddleseg_u2net.io.images import ImageError

Size = Tuple[int, int]  # height, width

# As a share of the image's side: less than a pixel of most images, as rounding leaves it.
_OUTSIDE = 1e-3


class Object(NamedTuple):
    """An object of an image, before its class has a number.

    ``make`` gives its parts, with the number in them; without it, its kind is no area.
    """

    label: str
    kind: str
    make: Optional[Callable[[int], Iterable[Optional[Shape]]]]


class Page(NamedTuple):
    """What a source says of an image; ``read`` gives the size and the objects, in drawing order."""

    image: Path
    name: str
    where: str
    read: Callable[[], Tuple[Size, List[Object]]]
    split: str = ""
    picture: Optional[Picture] = None


class ImportStats:
    """Makes samples, and counts what is left out and what reaches out of its image."""

    def __init__(self) -> None:
        self.bad: List[Bad] = []
        self.unknown: CounterType[str] = Counter()  # by class
        self.kinds: CounterType[str] = Counter()  # of objects that are no areas
        self.without_area = 0
        self.outside = 0
        self.without_objects = 0

    def dataset(
        self,
        pages: Iterable[Page],
        listed: Collection[str],
        numbered: Numbered,
        larger_first: bool = False,
    ) -> AnnotatedDataset:
        """As `draw`, with ``bad`` and all remarks; ``numbered`` is of `Classes.numbers`."""
        names, numbers, remarks = numbered
        samples = self.draw(pages, listed, numbers, larger_first)
        remarks = remarks + self.remarks()
        return AnnotatedDataset(names, unique_names(samples), remarks=remarks, bad=self.bad)

    def draw(
        self,
        pages: Iterable[Page],
        listed: Collection[str],
        numbers: Mapping[str, int],
        larger_first: bool = False,
        source: Type[Drawing] = Drawing,
    ) -> List[Sample]:
        """Make a sample of each page whose objects can be understood; the others are ``bad``.

        ``listed`` are the source's classes, ``numbers`` those of which something becomes.
        ``larger_first`` draws larger objects first, so that small ones stay visible.
        """
        samples = []
        for page in pages:
            try:
                size, objects = page.read()
                drawn = [self._parts(item, listed, numbers, size) for item in objects]
            except (AnnotationError, ImageError) as error:
                self.bad.append(Bad(page.image, str(error)))
                continue
            self.without_objects += not objects
            if larger_first:
                drawn.sort(key=lambda parts: -sum(part.area for part in parts))
            mask = source(tuple(chain.from_iterable(drawn)), size, page.where)
            samples.append(Sample(page.image, page.name, mask, page.split, picture=page.picture))
        return samples

    def _parts(
        self, item: Object, listed: Collection[str], numbers: Mapping[str, int], size: Size
    ) -> List[Shape]:
        label = item.label.strip()
        if item.make is None:
            self.kinds[item.kind] += 1
        elif label not in listed:
            self.unknown[label] += 1
        if item.make is None or label not in numbers:
            return []
        parts = [part for part in item.make(numbers[label]) if part is not None]
        self.without_area += not parts
        self.outside += any(_reaches_out(part, size) for part in parts)
        return parts

    def remarks(self) -> List[str]:
        """A sentence for each kind of problem."""
        found = []
        for what, counts in (
            ("left out, of classes that the source does not list", self.unknown),
            ("left out, no areas or of no known kind", self.kinds),
        ):
            if counts:
                named = [f"{name} ({counted(n, 'object')})" for name, n in sorted(counts.items())]
                found.append(f"{what}: {', '.join(named)}")
        for said, count, what in (
            ("left out, without area", self.without_area, "object"),
            ("reach out of their image, drawn as far as inside", self.outside, "object"),
            ("without objects, so all background", self.without_objects, "image"),
        ):
            if count:
                found.append(f"{said}: {counted(count, what)}")
        return found


def _reaches_out(part: Shape, size: Size) -> bool:
    left, top, right, bottom = part.bounds
    height, width = size
    across, down = _OUTSIDE * width, _OUTSIDE * height
    return left < -across or top < -down or right > width + across or bottom > height + down
