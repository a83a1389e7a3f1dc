"""Edges of cut-outs, on scenes whose opacity and colours are known, against ``rembg``, in turn.

    python3.11 -m venv /tmp/rembg && /tmp/rembg/bin/pip install "rembg[cpu]"
    python benchmarks/edges.py --rembg_python /tmp/rembg/bin/python [--part test] [--count 8]
        [--also INT8_FOLDER]

Both sides run the same U²-NetP weights, once loaded, on scenes of `scenes.py`. The band is what
lies within 10 pixels of where a scene's opacity begins. Of each side:

- colour: the mean difference of its foreground's colours from the true ones, in grey levels, over
  the band's translucent pixels (true opacity between 0.1 and 1, weighted by it) that all show;
- SAD: the sum of its opacity's differences from the true one in the band, in thousands of pixels;
- seconds: of a picture, decoded before, without encoding.

Where the network finds no object, edges tell nothing: all is reported of all scenes, and of those
that are `found`, in which what rembg's plain map calls at least half opaque has an intersection
over union of 0.5 and more with what is. --also adds the plain way with a folder of `export.py`, in
8 bits say.

Without --rembg_python only this project's side is measured. --worst N writes the N scenes with
the largest SAD, over green, into --work.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import cv2
import exports
import machine
import numpy as np
from rembg_process import Rembg
from scenes import PARTS, Scene, scenes

from paddleseg_u2net.io.images import write_png
from paddleseg_u2net.predictor.load import load_model
from paddleseg_u2net.removal import Options, Remover

# The upsampling of maps, and what is made of them.
OURS = {
    "plain": ("bilinear", Options()),
    "guided": ("guided", Options()),
    "band": ("bilinear", Options(matting="band")),
}
THEIRS: Dict[str, Dict[str, Any]] = {
    "rembg": {},
    "rembg -dc": {"decontaminate": True},
    "rembg -a": {"alpha_matting": True},
}
_BEGINS, _NEAR = 0.02, 10  # pixels of the band on each side of where opacity is more than this
_SHOWN = 0.1  # least true opacity where colours count
_OBJECT, _FOUND = 127, 0.5  # an object's least opacity is more than this; least overlap

Found = Tuple[np.ndarray, float]  # RGBA uint8, seconds


def _ours(remover: Remover) -> Callable[[Scene, Options], Found]:
    def found(scene: Scene, options: Options) -> Found:
        started = time.perf_counter()
        removed = remover(scene.image, options)
        return removed.picture, time.perf_counter() - started

    return found


def _theirs(rembg: Rembg) -> Callable[[Scene, Dict[str, Any]], Found]:
    return lambda scene, options: rembg(scene.image, options)


def _band(alpha: np.ndarray) -> np.ndarray:
    """All that is near to where the opacity begins."""
    seen = (alpha > _BEGINS).astype(np.uint8)
    begins = cv2.morphologyEx(seen, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return cv2.dilate(begins, np.ones((2 * _NEAR + 1,) * 2, np.uint8)) > 0


def scores(scene: Scene, pictures: Dict[str, np.ndarray]) -> Dict[str, Tuple[float, float]]:
    """Colour's mean difference and SAD of each side's RGBA picture."""
    band = _band(scene.alpha)
    edge = band & (scene.alpha >= _SHOWN) & (scene.alpha < 1)
    for picture in pictures.values():
        edge &= picture[..., 3] > 0
    weights = scene.alpha[edge]
    result = {}
    for name, picture in pictures.items():
        apart = np.abs(picture[..., :3][edge].astype(float) - scene.colours[edge]).mean(1)
        colour = float((apart * weights).sum() / weights.sum()) if len(weights) else np.nan
        alpha = picture[..., 3].astype(float) / 255
        result[name] = colour, float(np.abs(alpha - scene.alpha)[band].sum() / 1000)
    return result


def _is_found(scene: Scene, alpha: np.ndarray) -> bool:
    """Whether a map uint8 (H, W) has the object at all."""
    own, true = alpha > _OBJECT, scene.alpha >= 0.5
    return bool((own & true).sum() >= _FOUND * (own | true).sum())


def _measure(arguments: argparse.Namespace, work: Path) -> Dict[str, Dict[str, List[Any]]]:
    calls: Dict[str, Tuple[Callable[..., Found], Any]] = {}
    ways = {name: (arguments.model_path, *way) for name, way in OURS.items()}
    if arguments.also:
        ways = {f"plain, {arguments.also.name}": (arguments.also, *OURS["plain"]), **ways}
    for name, (path, upsampling, options) in ways.items():
        model = load_model(
            path,
            backend=arguments.backend,
            threads=arguments.threads,
            upsampling=upsampling,
        )
        calls[name] = _ours(Remover(model.pipeline, model.in_channels)), options
    if arguments.rembg_python:
        rembg = Rembg(arguments.rembg_python, arguments.model_path, work)
        calls.update({name: (_theirs(rembg), options) for name, options in THEIRS.items()})
    found: Dict[str, Dict[str, List[Any]]] = defaultdict(lambda: defaultdict(list))
    worst: List[Tuple[float, str, np.ndarray]] = []
    for number, scene in enumerate(scenes(arguments.data, arguments.part, arguments.count)):
        if number == 0:  # engines plan, Numba compiles
            for call, options in calls.values():
                call(scene, options)
        made = {name: call(scene, options) for name, (call, options) in calls.items()}
        kind = scene.name.partition("_")[0]
        pictures = {name: picture for name, (picture, _) in made.items()}
        of = scores(scene, pictures)
        plain = pictures.get("rembg", pictures["plain"])
        kinds = [kind, "all", "found"] if _is_found(scene, plain[..., 3]) else [kind, "all"]
        for each in kinds:
            for name, (colour, sad) in of.items():
                found[each][name].append((colour, sad, made[name][1]))
        worst.append((of[list(OURS)[-1]][1], scene.name, _sheet(scene, pictures)))
    for _, name, sheet in sorted(worst, key=lambda item: -item[0])[: arguments.worst]:
        write_png(work / f"worst_{name}.png", sheet)
        print(f"written: {work / f'worst_{name}.png'}")
    return found


def _sheet(scene: Scene, pictures: Dict[str, np.ndarray]) -> np.ndarray:
    """The scene, its truth and all sides over green."""
    truth = np.dstack([scene.colours, np.rint(255 * scene.alpha).astype(np.uint8)])
    cells = [scene.image]
    for picture in [truth, *pictures.values()]:
        share = picture[..., 3:].astype(float) / 255
        cells.append(np.rint(share * picture[..., :3] + (1 - share) * [0, 200, 0]).astype(np.uint8))
    return np.hstack(cells)


def _print(found: Dict[str, Dict[str, List[Any]]]) -> None:
    print("\n| scenes | side | colour | SAD | seconds |\n| --- | --- | --- | --- | --- |")
    for kind in sorted(found, key=lambda kind: kind in ("all", "found")):  # those at the end
        for name, rows in found[kind].items():
            colour, sad, _ = np.nanmean(rows, axis=0)
            seconds = machine.median([row[2] for row in rows])
            print(f"| {kind}, {len(rows)} | {name} | {colour:.2f} | {sad:.3f} | {seconds:.3f} |")
    for kind in ("all", "found"):
        if kind in found:
            print(f"\n{kind}, {len(found[kind]['plain'])} scenes:")
            _compare(found[kind])


def _compare(sides: Dict[str, List[Any]]) -> None:
    mean = {name: np.nanmean(rows, axis=0) for name, rows in sides.items()}
    seconds = {name: machine.median([row[2] for row in rows]) for name, rows in sides.items()}
    for other in (name for name in THEIRS if name in mean):
        for own in (name for name in mean if name not in THEIRS):
            print(
                f"{own} against {other}: colour {mean[own][0] / mean[other][0]:.2f}, "
                f"SAD {mean[own][1] / mean[other][1]:.2f}, "
                f"{seconds[other] / seconds[own]:.1f} times as fast"
            )


def main() -> None:
    arguments = _arguments()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        _print(_measure(arguments, work))


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rembg_python", type=Path, help="Python of an environment with rembg")
    add("--model_path", type=Path, default=exports.SHARED / "weights" / "u2netp_rembg.onnx")
    add("--data", type=Path, default=exports.SHARED / "data")
    add("--part", choices=PARTS, default="test")
    add("--count", type=int, default=8, help="of each kind of scene")
    add("--backend", default="auto")
    add("--threads", type=int)
    add("--also", type=Path, metavar="FOLDER", help="an exported folder of the same weights")
    add("--worst", type=int, default=0)
    add("--work", type=Path, help="folder for what is written; else a temporary one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
