"""Folders that are watched: their images, then those that come or change, once they are whole."""

from __future__ import annotations

import time
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from paddleseg_u2net import signals
from paddleseg_u2net.io.images import ImageError, files_below
from paddleseg_u2net.log import logger
from paddleseg_u2net.prediction.jobs import Job, Results, is_image
from paddleseg_u2net.prediction.naming import Names
from paddleseg_u2net.prediction.pipelining import Failure
from paddleseg_u2net.prediction.removal import DONE, EMPTY, INSTEAD, Report, Work
from paddleseg_u2net.text import short_list

# Seconds for which a file has to stay as it is before it is tried, and before it is called broken.
SETTLED, PATIENCE = 0.5, 10.0
# Seconds between two looks at all files, for what no event has told: network drives, a queue of
# events that was full.
_LOOK = 60.0
# Milliseconds after which the watcher answers, whether anything has happened or not.
_TICK = 200

_Version = Tuple[int, int, int]


class _Pending(NamedTuple):
    """A file that is to be worked on: as it was seen last, since when, and how often tried."""

    version: _Version
    since: float
    tried: bool = False


class Arrivals:
    """Which files are to be worked on, and when: not while somebody still writes them.

    A file is tried when it has been the same for `SETTLED` seconds. Where that fails it may be half
    written: it is tried again when it changes, and once more after `PATIENCE` seconds, which is the
    last time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: Dict[Path, _Pending] = {}
        self._done: Dict[Path, _Version] = {}

    def see(self, path: Path, is_old: bool = False) -> None:
        """Look at a file that is new, has changed, has gone, or is none of these.

        ``is_old``: it may have been there for long, which its time of change tells.
        """
        version = _version(path)
        if version is None:
            self._pending.pop(path, None)
            self._done.pop(path, None)
        elif version == self._done.get(path):
            self._pending.pop(path, None)
        elif path not in self._pending or version != self._pending[path].version:
            age = max(0.0, time.time() - version[0] / 1e9) if is_old else 0.0
            self._pending[path] = _Pending(version, self._clock() - age)

    def ready(self) -> List[Path]:
        """The files that are to be tried now, sorted."""
        for path in list(self._pending):
            self.see(path)
        now = self._clock()
        return sorted(
            path
            for path, file in self._pending.items()
            if now - file.since >= (PATIENCE if file.tried else SETTLED)
        )

    def finish(self, path: Path, failed: bool) -> bool:
        """Take a file that was tried from the list, and tell whether that was its last time.

        It comes again where it has changed since `ready` named it.
        """
        file = self._pending[path]
        if failed and (_version(path) is None or self._clock() - file.since < PATIENCE):
            self._pending[path] = file._replace(tried=True)
            self.see(path)
            return False
        del self._pending[path]
        self._done[path] = file.version
        self.see(path)
        return True


def _version(path: Path) -> Optional[_Version]:
    """What changes when a file is written; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Folders:
    """Folders of images, and where in them pictures may not be taken for images.

    Args:
        paths: of the folders.
        results: what is no image.

    Raises:
        ValueError: one is no folder.
    """

    def __init__(self, paths: Sequence[str], results: Results) -> None:
        for path in paths:
            if not Path(path).is_dir():
                raise ValueError(f"--watch: expected folders, got {path}; leave it out for files")
        self.paths = [Path(path) for path in paths]
        self._results = results
        self._told: Set[str] = set()
        self._written = {folder.resolve() for folder in results.folders}

    def check(self) -> None:
        """Raise ValueError if one has gone."""
        for path in self.paths:
            if not path.is_dir():
                raise ValueError(f"{path}: the folder that was watched has gone")

    def images(self, below: Optional[Path] = None) -> Iterator[Path]:
        """The images in all of them, or below one of their folders, as they are named there."""
        for folder in self.paths if below is None else [below]:
            errors: List[ImageError] = []
            for path in files_below(folder, errors=errors):
                named = self.named(path)
                if named is not None:
                    yield named
            for text in map(str, errors):
                if text not in self._told:
                    self._told.add(text)
                    logger.error(text)

    def named(self, path: Path) -> Optional[Path]:
        """A path that an event has, as it is named in its folder; None if it is no image's."""
        for folder in self.paths:
            for top in (folder, folder.absolute(), folder.resolve()):
                if top in path.parents:
                    below = path.relative_to(top)
                    return folder / below if self._belongs(folder, below) else None
        return None

    def job(self, path: Path) -> Job:
        """The job of an image; where there are several folders, its folder's name comes first."""
        folder = next(folder for folder in self.paths if folder in path.parents)
        several = len(self.paths) > 1
        below = path.relative_to(folder)
        return Job(path, folder.resolve().name / below if several else below)

    def _belongs(self, folder: Path, below: Path) -> bool:
        path = folder / below
        if not is_image(path) or any(part.startswith(".") for part in below.parts):
            return False
        if self._results.named(path):
            return False
        top, place = folder.resolve(), path.parent.resolve()
        written = {written for written in self._written if top in written.parents}
        return not written & {place, *place.parents}


def watch(
    folders: Folders,
    work: Callable[[List[Path], bool], Mapping[Path, str]],
    on_failure: Callable[[Path, str], None],
) -> None:
    """Work on the images that are there, then on such as come or change, until an exception.

    Args:
        work: does some images and returns why those that failed did; it is told whether these are
            the ones that were there.
        on_failure: is told of an image that stays broken, and why.

    Raises:
        KeyboardInterrupt: a signal came, any.
        ValueError: a folder has gone.
    """
    from watchfiles import watch as changes_of

    arrivals, looked = Arrivals(), 0.0
    old: Set[Path] = set()
    for changes in changes_of(
        *folders.paths,
        watch_filter=None,
        rust_timeout=_TICK,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    ):
        folders.check()
        for path in _changed(folders, (Path(name) for _, name in changes)):
            arrivals.see(path)
            old.discard(path)
        if not looked or time.monotonic() - looked >= _LOOK:  # the watcher is at work by now
            found = list(folders.images())
            old = old if looked else set(found)
            for path in found:
                arrivals.see(path, is_old=not looked)
            looked = time.monotonic()
        ready = arrivals.ready()
        were, came = [p for p in ready if p in old], [p for p in ready if p not in old]
        for some, are_old in ((were, True), (came, False)):
            reasons = work(some, are_old) if some else {}
            for path in some:
                if arrivals.finish(path, path in reasons):
                    old.discard(path)
                    if path in reasons:
                        on_failure(path, reasons[path])


def _changed(folders: Folders, paths: Iterable[Path]) -> Iterator[Path]:
    """The images that events tell of; of a folder that was moved in, all that are in it."""
    for path in paths:
        if path.is_dir():
            yield from folders.images(path)
        else:
            named = folders.named(path)
            if named is not None:
                yield named


def watch_and_remove(
    folders: Folders,
    names: Names,
    work: Callable[..., List[Failure]],
    report: Report,
    told: Optional[Path] = None,
    skip_existing: bool = False,
) -> int:
    """Remove backgrounds until a signal ends it, which is its regular end; the exit code, 0.

    Args:
        work: `remove_files` of works, with all else given.
        report: is written to the file ``told`` after each time that there was something to do.
        skip_existing: of the images that are there, leave out those that have a picture.
    """
    images: Set[Path] = set()

    def some(paths: List[Path], are_old: bool) -> Dict[Path, str]:
        images.update(path.resolve() for path in paths)
        jobs, reasons = [folders.job(path) for path in paths], {}
        works = [Work(job.image, output) for job, output in zip(jobs, names(jobs))]
        for one in works:
            if Path(str(one.output)).resolve() in images:
                reasons[one.image] = f"{one.output} is an image and would be overwritten; {INSTEAD}"
        works = [one for one in works if one.image not in reasons]
        if skip_existing and are_old:
            works = report.without_done(works)
        reasons.update(work(works))
        done = [one.output for one in works if report.state(one) in (DONE, EMPTY)]
        if done:
            logger.info(f"Done: {short_list(done)}")
        if told:
            report.write(told)
        else:
            report.clear()
        return reasons

    def failed(path: Path, reason: str) -> None:
        logger.error(reason)

    logger.info(f"Watching {short_list(folders.paths)}; Ctrl-C or SIGTERM ends it")
    try:
        watch(folders, some, failed)
    except (KeyboardInterrupt, signals.Terminated):
        logger.info("Ended; pictures that were begun are written")
    return 0
