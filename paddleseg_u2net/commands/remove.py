"""``tools/remove.py``: images in, pictures without their background out."""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from paddleseg_u2net.commands.arguments import (
    add_device,
    add_inference,
    add_opts,
    inference_opts,
    model_of,
)
from paddleseg_u2net.commands.parsing import Parser, at_least, file_of, with_defaults
from paddleseg_u2net.io.images import ImageError
from paddleseg_u2net.prediction.jobs import Job, Results, collect
from paddleseg_u2net.prediction.naming import STREAM, Names, Output, inputs_and_output
from paddleseg_u2net.prediction.pipelining import Failure
from paddleseg_u2net.prediction.removal import (
    DONE,
    EMPTY,
    SKIPPED,
    Report,
    Work,
    check_outputs,
    remove_files,
)
from paddleseg_u2net.prediction.watching import Folders, watch_and_remove
from paddleseg_u2net.removal import TRANSPARENT, Options, Remover, Scene
from paddleseg_u2net.removal.alpha import CLEAN
from paddleseg_u2net.removal.encoding import FORMATS, LOSSLESS, Encoding, format_of_suffix
from paddleseg_u2net.removal.options import MATTING, ONLY
from paddleseg_u2net.removal.presence import PRESENT
from paddleseg_u2net.removal.words import WORDS, options_of

# What `--ray` takes for an address, and without one.
_ADDRESS, _HERE = re.compile(r"local|auto|(ray://)?[\w.-]+:\d+"), "local"
_NOT_BY_RAY = {
    "config": "whose workers have the model's files only; export it (tools/export.py)",
    "json": "which writes a manifest",
    "plugins": "whose workers do not have them",
    "watch": "which ends when all is done",
    "skip_existing": "which does what is missing by its manifest",
}

_EXAMPLES = """examples:
  paddleseg_u2net remove photo.jpg                     photo.cutout.png beside it
  paddleseg_u2net remove photos cutouts                a folder, with all below it
  curl -s ADDRESS | paddleseg_u2net remove - > cutout.png

docs/background_removal.md has more."""


def _parser() -> argparse.ArgumentParser:
    result = Parser(
        prog="remove",
        usage="remove INPUT ... [OUTPUT] [options]",
        description="Take the background out of images.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument_group("which images, and where to").add_argument
    add("paths", nargs="+", metavar="INPUT", help="images, folders, lists (.txt), patterns such as "
        "'photos/**/*.jpg', or - for standard input")  # fmt: skip
    add("--output", "-o", metavar="OUTPUT", help="a file for one image, a folder for several, or - "
        "for standard output; may stand behind the inputs without this flag. Else beside each "
        "image, as NAME.cutout.png")  # fmt: skip
    add("--name", metavar="TEMPLATE", help="what pictures are called, as in "
        "'{stem}_cut{suffix}'; else {stem}{suffix} in OUTPUT, {stem}.cutout{suffix} beside "
        "images")  # fmt: skip
    add("--skip_existing", action="store_true", help="leave out images whose picture is there")
    add("--watch", action="store_true", help="go on with images that come into the folders or "
        "change, until Ctrl-C or SIGTERM")  # fmt: skip
    add("--json", type=file_of(".json"), metavar="FILE", help="what became of each image: state, "
        "error, box and area of the object, seconds")  # fmt: skip
    add = result.add_argument_group("what is kept").add_argument
    add("--only", choices=ONLY, default=ONLY[0], help="the foreground, what it leaves of the "
        "image, or its opacity in grey")  # fmt: skip
    add("--background", metavar="WHAT", default="transparent", help="what stands behind it: "
        "transparent, a colour (white, '#f0f0f0'), another picture, blur or blur:2%%: its own, out "
        "of focus")  # fmt: skip
    add("--crop", nargs="?", const="0", metavar="MARGIN", help="to the object, with a margin in "
        "pixels (20) or per cent of it (5%%); '10 20' above and below, at the sides")  # fmt: skip
    add("--square", action="store_true", help="with --crop: of equal sides")
    add("--size", metavar="WxH", help="the picture's size; all of it is seen, the background fills "
        "the rest")  # fmt: skip
    add = result.add_argument_group("edges and bodies").add_argument
    add("--clean", nargs="?", const=CLEAN, type=float, metavar="SHARE", help="drop objects of less "
        f"than a share (else {CLEAN}) of the largest one's area, and fill pinholes")  # fmt: skip
    add("--solid", action="store_true", help="bodies are opaque inside; rims, hair and glass stay")
    add("--matting", choices=MATTING, default=MATTING[0], help="band: the opacity of edges from "
        "the image's colours, hair by hair")  # fmt: skip
    add("--hard", action="store_true", help="edges without anything between opaque and transparent")
    add("--presence", nargs="?", const=PRESENT, default=0.0, type=float, metavar="LEAST",
        help=f"keep nothing where the model is less sure than this (else {PRESENT}) that there is "
        "an object")  # fmt: skip
    add = result.add_argument_group("the file").add_argument
    add(
        "--format",
        type=_format,
        choices=tuple(FORMATS),
        help="else by the suffix of OUTPUT, or png",
    )
    add("--quality", type=_quality, metavar="1..100", help="of jpg, webp, avif and heic; "
        "lossless, of webp")  # fmt: skip
    add("--keep_exif", action="store_true", help="keep place, time and camera; colour profile and "
        "resolution are kept anyway")  # fmt: skip
    group = result.add_argument_group("the model")
    group.add_argument("--model", "--model_path", default="u2netp", help="a name (u2netp, u2net, "
        "u2net_human_seg, silueta, ...), weights of any format, a folder with model.pdparams or of "
        "tools/export.py; else u2netp")  # fmt: skip
    group.add_argument("--config", help="YAML file; else the one saved beside the model, or what "
        "the weights say")  # fmt: skip
    add_opts(group)
    group = result.add_argument_group("how it runs")
    add_device(group)
    add_inference(group)
    add = result.add_argument_group("millions of images: remove --ray SOURCE TARGET").add_argument
    add("--ray", nargs="?", const=_HERE, metavar="ADDRESS", help="work on a Ray cluster (auto, "
        "host:port), else on one that is started here; what is missing in TARGET is done. Both may "
        "be s3://..., gs://... or folders, SOURCE a list, too (.txt, .csv, .parquet)")  # fmt: skip
    add("--workers", type=at_least(1), help="how many models work at once; else as many as there "
        "are cores for, of which each takes --threads")  # fmt: skip
    add("--again", action="store_true", help="do what is done, too")
    return result


def _format(text: str) -> str:
    return format_of_suffix(f".{text}") or text


def _quality(text: str) -> Union[int, str]:
    return text if text == LOSSLESS else int(text)


_quality.__name__ = "number"  # what argparse calls it where the text is none


def run(argv: List[str]) -> int:
    """Remove backgrounds; 1 if an image failed, 0 otherwise."""
    parser = _parser()
    flags = {"--crop": "0", "--clean": str(CLEAN), "--presence": str(PRESENT)}
    argv = with_defaults(with_defaults(argv, flags), {"--ray": _HERE}, _ADDRESS)
    arguments = parser.parse_intermixed_args(argv)
    try:
        options = options_of(**{word: getattr(arguments, word) for word in WORDS})
    except ImageError:  # of the background: no fault of how the command was typed
        raise
    except ValueError as error:
        parser.error(f"--{error}")
    if options.only == "mask" and options.background != TRANSPARENT:
        parser.error("--background: a mask has none; leave it out, or --only mask")
    if arguments.ray:
        return _remove_by_ray(parser, arguments, options)
    if arguments.workers or arguments.again:
        parser.error("--workers, --again: have an effect with --ray only; add it")
    try:
        task = _task(arguments)
    except ValueError as error:
        parser.error(str(error))
    with _standard_output(task.output.stream) as stream:
        return _remove(arguments, options, task, stream)


class _Task(NamedTuple):
    """Which images, where to, and what beside them is none; ``watched``: folders, if they are."""

    paths: List[str]
    output: Output
    encoding: Encoding
    names: Names
    results: Results
    watched: Optional[Folders]


def _task(arguments: argparse.Namespace) -> _Task:
    paths, output = inputs_and_output(arguments.paths, arguments.output, bool(arguments.name))
    if paths == [STREAM] and sys.stdin.isatty():
        raise ValueError("-: standard input is a terminal; send it an image: remove - < photo.jpg")
    if output.stream and sys.stdout.isatty():
        raise ValueError("standard output is a terminal, which shows no picture; send it on, as in "
                         "remove - > cutout.png, or name a file")  # fmt: skip
    encoding = _encoding(arguments, output)
    names = Names(output, FORMATS[encoding.format].suffixes, arguments.name)
    folders = [output.folder] if output.folder else []
    results = Results("pictures that an earlier run wrote", folders, names.is_result)
    watched = Folders(paths, results) if arguments.watch else None
    return _Task(paths, output, encoding, names, results, watched)


def _encoding(arguments: argparse.Namespace, output: Output) -> Encoding:
    name = arguments.format
    if name is None and output.file is not None:
        name = format_of_suffix(output.file.suffix)
        if name is None:
            suffixes = ", ".join(known.suffixes[0] for known in FORMATS.values())
            raise ValueError(
                f"{output.file}: expected a name that ends in {suffixes}; --format says which is "
                "meant, and a / at its end makes it a folder"
            )
    try:
        return Encoding(name or "png", arguments.quality, arguments.keep_exif)
    except ValueError as error:
        raise ValueError(f"--{error}") from error


@contextlib.contextmanager
def _standard_output(wanted: bool) -> Iterator[Optional[BinaryIO]]:
    """Standard output for a picture: what anybody else writes there goes to standard error."""
    if not wanted:
        yield None
        return
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(own), "wb") as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)


def _remove(
    arguments: argparse.Namespace,
    options: Options,
    task: _Task,
    stream: Optional[BinaryIO],
) -> int:
    from paddleseg_u2net.io.files import check_writable
    from paddleseg_u2net.log import logger, start_logging

    start_logging(stream=sys.stderr if stream else sys.stdout)
    if arguments.json:
        check_writable(arguments.json, name=f"--json {arguments.json}")
    works = [] if task.watched else _works(task, stream)
    scene = [Path(options.background.name)] if isinstance(options.background, Scene) else []
    check_outputs(works, task.output.folder, scene)
    report = Report({"model": arguments.model, "settings": _settings(arguments)})
    report.expect(works)
    left = report.without_done(works) if arguments.skip_existing else works
    failures: List[Failure] = []
    try:
        if left or task.watched:
            work = _loaded(arguments, options, task.encoding, report)
        if task.watched:
            skip = arguments.skip_existing
            return watch_and_remove(task.watched, task.names, work, report, arguments.json, skip)
        if left:
            failures = work(left, on_failure=lambda failure: logger.error(failure.reason))
    finally:
        if arguments.json:
            report.write(arguments.json)
    done, empty, skipped = report.count(DONE, EMPTY), report.count(EMPTY), report.count(SKIPPED)
    notes = f", {empty} without an object" if empty else ""
    notes += f", {skipped} were there" if skipped else ""
    logger.info(f"Done: {done} of {_images(len(works))}{notes}, {_where(works, task.output)}")
    if failures:
        logger.error(f"{_images(len(failures))} failed; the lines above say why")
    return 1 if failures else 0


def _loaded(
    arguments: argparse.Namespace, options: Options, encoding: Encoding, report: Report
) -> Callable[..., List[Failure]]:
    """`remove_files` with the model and all that was asked for."""
    model = model_of(arguments, arguments.model)
    report.told["model"] = str(model.source)
    remover = Remover(model.pipeline, model.in_channels)
    return functools.partial(
        remove_files, remover, options=options, encoding=encoding, report=report
    )


def _remove_by_ray(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, options: Options
) -> int:
    for name, instead in _NOT_BY_RAY.items():
        if getattr(arguments, name):
            parser.error(f"--{name}: is not for --ray, {instead}")
    ends = [*arguments.paths, *([arguments.output] if arguments.output else [])]
    if len(ends) != 2:
        parser.error(f"--ray: expected SOURCE and TARGET, got {' '.join(ends)}")
    try:
        encoding = _encoding(arguments, Output(folder=Path()))
    except ValueError as error:
        parser.error(str(error))
    from paddleseg_u2net.log import logger, start_logging
    from paddleseg_u2net.prediction.cluster.run import Pool, remove_on_cluster

    start_logging()
    pool = Pool(arguments.ray, arguments.workers, arguments.threads, arguments.device == "gpu")
    loading = {
        "opts": [*arguments.opts, *inference_opts(arguments)],
        **{name: getattr(arguments, name) for name in ("backend", "device", "upsampling")},
    }
    how = {"paths", "output", "ray", "workers", "threads", "again", "backend", "device"}
    settings = {
        name: value for name, value in vars(arguments).items() if name not in how | {*_NOT_BY_RAY}
    }
    if Path(arguments.background).is_file():  # another picture of that name is another setting
        content = Path(arguments.background).read_bytes()
        settings["background"] += f" {hashlib.sha256(content).hexdigest()[:16]}"
    source, target = ends
    summary = remove_on_cluster(
        source,
        target,
        arguments.model,
        options,
        encoding,
        settings,
        pool,
        loading,
        arguments.name,
        arguments.again,
    )
    logger.info(f"Done: {summary}, in {target}")
    return 1 if summary.failed else 0


def _works(task: _Task, stream: Optional[BinaryIO]) -> List[Work]:
    """Images and their outputs."""
    if task.paths == [STREAM]:
        content: Optional[bytes] = sys.stdin.buffer.read()
        jobs = [Job(Path("standard input"), Path("standard input"))]
    else:
        content, jobs = None, collect(task.paths, results=task.results, flag="")
    one = stream or task.output.file
    if one is not None:
        return [Work(jobs[0].image, one, content)]
    return [Work(job.image, path, content) for job, path in zip(jobs, task.names(jobs))]


def _settings(arguments: argparse.Namespace) -> Dict[str, Any]:
    """What was asked for, but for files."""
    files = ("paths", "output", "json", "model", "skip_existing", "watch")
    return {name: value for name, value in vars(arguments).items() if name not in files}


def _where(works: Sequence[Any], output: Output) -> str:
    if output.folder:
        return f"in {output.folder}"
    if len(works) == 1:
        return f"in {'standard output' if output.stream else works[0].output}"
    return "beside the images"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
