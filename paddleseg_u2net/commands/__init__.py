"""The commands: arguments to one call. Also ``python -m paddleseg_u2net COMMAND``.

What a command needs is imported when it runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys

TYPE_CHECKING = False  # for checkers it is true; importing typing takes time
if TYPE_CHECKING:
    from typing import List, NoReturn, Optional, Sequence

# Module name and what it does; the modules have `run(argv) -> exit code`.
COMMANDS = {
    "train": "train a model from a configuration",
    "val": "score a trained model",
    "eval_maps": "score saliency maps of any method",
    "export": "write a trained model for an engine, checked and described",
    "predict": "write pictures of a model's predictions",
    "remove": "take the background out of images",
    "video": "take the background out of a video, steadily",
    "serve": "remove backgrounds over HTTP, with a page",
    "prepare": "fetch or unpack a known data set, checked and listed",
    "dataset": "import, check, show and count your own data",
    "convert_weights": "convert weights between file formats",
    "model_info": "count parameters, multiply-adds and memory",
    "draw": "draw a data set of objects with exact masks",
    "quickstart": "draw, train, validate and predict in a few minutes",
}

# What is not part of a light install, and the extra that has it.
EXTRAS = {
    "av": "video",
    "fastapi": "serve",
    "fsspec": "ray",
    "paddle": "cpu",
    "paddleseg": "cpu",
    "prometheus_client": "serve",
    "python_multipart": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "jinja2": "report",
    "matplotlib": "report",
    "visualdl": "train",
    "watchfiles": "remove",
    "websockets": "serve",
}
# What every install has; where one is missing, another Python runs than was installed into.
_REQUIRED = ("cv2", "numpy", "PIL", "requests", "tqdm", "yaml")


def _load_plugins(argv: Sequence[str]) -> None:
    """Import what ``--plugins`` names, before a parser asks what there is to choose from."""
    if any(word.partition("=")[0] == "--plugins" for word in argv):
        from paddleseg_u2net.plugins import PluginError, load_plugins, named_in

        try:
            load_plugins(named_in(argv))
        except PluginError as error:
            raise ValueError(f"--plugins: {error}") from error


def end_by(command: str, argv: Optional[List[str]] = None) -> NoReturn:
    """Run a command as all of this process."""
    import contextlib

    from paddleseg_u2net import signals

    _open_streams()
    code = main(command, argv)
    if code > 128:  # told to end: without waiting for threads, or for what libraries do at an exit
        with signals.at_most(1, code), contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def _open_streams() -> None:
    """Give what is closed of standard input, output and error to the null device.

    Python has None for it, and the next file that is opened would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def main(command: str, argv: Optional[List[str]] = None) -> int:
    """Run a command; errors of its input become a line on standard error and exit code 1.

    ``U2NET_DEBUG=1`` shows where in the code they arose. Ctrl-C gives 130, SIGTERM 143.
    """
    from paddleseg_u2net import signals

    argv = sys.argv[1:] if argv is None else argv
    try:
        return _run(command, argv)
    except BrokenPipeError:
        # Who reads our output, such as `head`, has seen enough; nothing is left to be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (KeyboardInterrupt, signals.Terminated) as error:
        code = error.code if isinstance(error, signals.Terminated) else 130
        with signals.at_most(1, code):
            print(signals.message(error), file=sys.stderr)
        return code
    except (ValueError, OSError, ModuleNotFoundError) as error:
        missing = _missing(error)
        if os.environ.get("U2NET_DEBUG") or (isinstance(error, ImportError) and not missing):
            raise
        print(f"Error: {f'{command} needs {missing}' if missing else error}", file=sys.stderr)
        return 1


def _run(command: str, argv: Sequence[str]) -> int:
    from paddleseg_u2net import signals

    with signals.heard():
        with signals.waiting():  # threads that libraries start as they are loaded get none
            module = importlib.import_module(f"paddleseg_u2net.commands.{command}")
            _load_plugins(argv)
        code = module.run(argv)
        sys.stdout.flush()
        return code


def _missing(error: Exception) -> str:
    """Return what is missing and how to get it, if that is one of our packages."""
    name = (getattr(error, "name", None) or "") if isinstance(error, ImportError) else ""
    package = name.partition(".")[0]
    if package in _REQUIRED:
        return f"{name}, which {sys.executable} does not have; activate this project's environment"
    if package in EXTRAS:
        extra = EXTRAS[package]
        return f"{name}, which is not installed: pip install 'paddleseg_u2net[{extra}]'"
    return ""
