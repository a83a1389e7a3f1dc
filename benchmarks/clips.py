"""Moving pictures whose opacity and colours are known at every pixel, to measure video with.

    python benchmarks/clips.py FOLDER --data ../shared/data [--part tune] [--count 20]

writes FOLDER/CLIP.mp4 and FOLDER/alpha/CLIP/00000.png, ... Each clip is composed, frame by frame,
of a cut-out's colours F, its opacity a and a background B: I = a F + (1 - a) B. Cut-outs are
people whose masks fit their photographs, the objects of photographs, heads of drawn hair and drawn
glasses; they move, turn, grow, bend, are covered, leave and come back over parts of other
photographs that show no object. Frame rates are 24 to 60 a second, heights 360 to 1080; some clips
have sound, lie on their side and say so, or have frames of different lengths. What is tuned is
tuned on the part ``tune``; ``test`` has other cut-outs and other backgrounds. Needs av and
imageio-ffmpeg.
"""

import argparse
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

import cv2
import numpy as np
from scenes import DRAWN, PARTS, backgrounds_of, carried_outwards, people_of, person

# What happens in a clip; each of a part's 20 clips has one of them, two clips have the same.
KINDS = (
    "still",
    "moves",
    "turns",
    "grows",
    "bends",
    "covered",
    "leaves",
    "cut",
    "shakes",
    "moving",
)
COUNT = 2 * len(KINDS)
_SIZES = [(640, 360), (640, 360), (640, 360), (854, 480), (1280, 720), (1920, 1080)]
_RATES = [24, 25, 30, 50, 60]


class Layers(NamedTuple):
    """uint8 RGB (H, W, 3), its foreground's opacity float32 (H, W) in [0, 1], and colours uint8."""

    image: np.ndarray
    alpha: np.ndarray
    colours: np.ndarray


class Clip(NamedTuple):
    """A clip, and how its file is written."""

    name: str
    size: Tuple[int, int]  # width, height
    rate: int
    count: int  # of frames
    crf: int
    varies: bool  # whether frames are of different lengths
    rotated: bool
    sounds: bool
    layers: Callable[[], Iterator[Layers]]

    def times(self) -> List[Fraction]:
        """When each frame is shown."""
        steps = [2 if self.varies and number % 7 in (2, 3) else 1 for number in range(self.count)]
        return [Fraction(sum(steps[:number]), self.rate) for number in range(self.count)]


class _Actor(NamedTuple):
    """A cut-out at the frame's height, and the picture behind it, larger than the frame."""

    colours: np.ndarray
    alpha: np.ndarray
    background: np.ndarray


def clips(data: Path, part: str, count: int = COUNT) -> List[Clip]:
    """The first ``count`` clips of a part; ``data`` has ``person_290`` and ``ecssd_300``."""
    first = PARTS.index(part)
    cutouts = _cutouts(data)[first::2]
    backgrounds = backgrounds_of(data / "ecssd_300")[first::2]
    found = []
    for number in range(count):
        rng = np.random.default_rng([7, first, number])
        kind = KINDS[number % len(KINDS)]
        size = _SIZES[rng.integers(len(_SIZES))]
        actors = []
        for scene in range(2 if kind == "cut" else 1):
            # A fifth is drawn: glasses and hair.
            at = (number * 3 + scene) % 5
            make = cutouts[(number * 7 + scene * 3) % len(cutouts)]
            if at == 0:
                make = _drawn(("hair", "glass")[number % 2], int(rng.integers(1 << 30)))
            background = backgrounds[(number * 11 + scene * 5) % len(backgrounds)]
            actors.append((make, background))
        rate = int(rng.choice(_RATES))
        frames = int(rng.integers(60, 151))
        noise = float(rng.choice([0.0, 2.0, 6.0]))
        found.append(
            Clip(
                f"{part}_{number:02d}_{kind}",
                size,
                rate,
                frames,
                int(rng.integers(18, 33)),
                varies=number % 4 == 1,
                rotated=number % 8 == 6,
                sounds=number % 2 == 0,
                layers=_Shot(kind, size, frames, noise, int(rng.integers(1 << 30)), actors).layers,
            )
        )
    return found


Cutout = Callable[[], Tuple[np.ndarray, np.ndarray]]


def _cutouts(data: Path) -> List[Cutout]:
    """People and the objects of photographs in turn: opacity and colours of each."""
    people = [_bound(person, image, mask) for image, mask in people_of(data / "person_290")]
    objects = []
    for mask in sorted((data / "ecssd_300" / "ground_truth_mask").glob("*.png")):
        inside = cv2.imread(str(mask), 0) > 127
        border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
        parts = cv2.connectedComponents(inside.astype(np.uint8))[0] - 1
        if parts == 1 and not border.any() and 0.08 < inside.mean() < 0.4:
            objects.append(
                _bound(_object, data / "ecssd_300" / "images" / f"{mask.stem}.jpg", mask)
            )
    pairs = zip(people, objects)
    return [cutout for pair in pairs for cutout in pair]


def _bound(make: Callable[..., Tuple[np.ndarray, np.ndarray]], *paths: Path) -> Cutout:
    return lambda: make(*paths)


def _drawn(kind: str, seed: int) -> Cutout:
    return lambda: DRAWN[kind](np.random.default_rng(seed))


def _object(image: Path, mask: Path) -> Tuple[np.ndarray, np.ndarray]:
    picture = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    inside = (cv2.imread(str(mask), 0) > 127).astype(np.uint8)
    alpha = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 1.0)
    sure = cv2.erode(inside, np.ones((7, 7), np.uint8))
    return alpha, carried_outwards(picture, sure if sure.any() else inside)


class _Shot:
    """One clip's frames, from what moves how."""

    def __init__(
        self,
        kind: str,
        size: Tuple[int, int],
        count: int,
        noise: float,
        seed: int,
        actors: List[Tuple[Cutout, Tuple[Path, Tuple[slice, slice]]]],
    ) -> None:
        self.kind, self.size, self.count, self.noise = kind, size, count, noise
        self.seed, self.actors = seed, actors

    def layers(self) -> Iterator[Layers]:
        """Frame after frame, the same ones at each call."""
        rng = np.random.default_rng(self.seed)
        actors = [self._actor(*actor) for actor in self.actors]
        path = _Path(self.kind, rng, self.count)
        cover = self._cover(rng)
        scene = rng.integers(self.count // 3, 2 * self.count // 3)  # where a cut lies
        for number in range(self.count):
            actor = actors[0 if len(actors) == 1 or number < scene else 1]
            yield self._frame(actor, path, number, cover, rng)

    def _actor(self, cutout: Cutout, behind: Tuple[Path, Tuple[slice, slice]]) -> _Actor:
        width, height = self.size
        alpha, colours = cutout()
        rows, columns = (np.flatnonzero((alpha > 0.02).any(axis)) for axis in (1, 0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        alpha, colours = alpha[box], colours[box]
        factor = min(0.75 * height / alpha.shape[0], 0.5 * width / alpha.shape[1])
        shrunk = (max(2, round(alpha.shape[1] * factor)), max(2, round(alpha.shape[0] * factor)))
        mode = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        colours = cv2.resize(colours, shrunk, interpolation=mode)
        alpha = np.clip(cv2.resize(alpha, shrunk, interpolation=mode), 0, 1)
        path, part = behind
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)[part]
        scale = 1.3 * max(height / picture.shape[0], width / picture.shape[1])
        background = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        return _Actor(colours, alpha, background)

    def _cover(self, rng: np.random.Generator) -> np.ndarray:
        """What passes in front of the cut-out: a post of one colour and its grain."""
        width, height = self.size
        colour = rng.uniform(30, 200, 3)
        grain = rng.normal(0, 8, (height, round(0.12 * width), 1))
        return np.clip(colour + grain, 0, 255).astype(np.uint8)

    def _frame(
        self, actor: _Actor, path: "_Path", number: int, cover: np.ndarray, rng: np.random.Generator
    ) -> Layers:
        width, height = self.size
        shake = path.shake[number] * height
        pan = path.pan[number] * np.array([actor.background.shape[1] - width, 0.0])
        middle = (
            np.array([actor.background.shape[1] - width, actor.background.shape[0] - height]) / 2
        )
        move = np.float32([[1, 0, shake[0] - middle[0] - pan[0]], [0, 1, shake[1] - middle[1]]])
        back = cv2.warpAffine(
            actor.background, move, self.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        colours, alpha = self._placed(actor, path, number, shake)
        if self.kind == "covered":
            left = round(path.cover[number] * (width + cover.shape[1])) - cover.shape[1]
            covered = slice(max(0, left), max(0, min(width, left + cover.shape[1])))
            alpha = alpha.copy()
            alpha[:, covered] = 0
            back[:, covered] = cover[:, covered.start - left : covered.stop - left]
        share = alpha[..., None]
        image = share * colours + (1 - share) * back
        if self.noise:
            image = image + rng.normal(0, self.noise, image.shape).astype(np.float32)
        return Layers(np.clip(np.rint(image), 0, 255).astype(np.uint8), alpha, colours)

    def _placed(
        self, actor: _Actor, path: "_Path", number: int, shake: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """The cut-out in the frame: colours and opacity."""
        width, height = self.size
        rows, columns = actor.alpha.shape
        where = path.place[number] * np.array([width, height]) + shake
        turn = cv2.getRotationMatrix2D(
            (columns / 2, rows / 2), path.angle[number], path.scale[number]
        )
        turn[:, 2] += where - np.array([columns / 2, rows / 2])
        inverse = cv2.invertAffineTransform(turn)
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        from_x = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
        from_y = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
        if path.bend[number]:
            from_x = from_x + path.bend[number] * columns * np.sin(from_y / rows * 2 * np.pi)
        maps = from_x.astype(np.float32), from_y.astype(np.float32)
        alpha = cv2.remap(actor.alpha, *maps, cv2.INTER_LINEAR)
        colours = cv2.remap(actor.colours, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return colours, alpha


class _Path:
    """Where a cut-out is in each frame, how it is turned, how large; and how the camera moves.

    Positions are shares of the frame's width and height, shakes of its height.
    """

    def __init__(self, kind: str, rng: np.random.Generator, count: int) -> None:
        at = np.linspace(0, 1, count)
        phase = rng.uniform(0, 2 * np.pi, 4)
        zero = np.zeros(count)
        self.angle, self.scale, self.bend, self.cover, self.pan = zero, zero + 1, zero, at, zero
        self.shake = np.zeros((count, 2))
        x, y = zero + rng.uniform(0.4, 0.6), zero + 0.55
        if kind != "still":  # a little
            x = x + 0.03 * np.sin(4 * at + phase[0])
            y = y + 0.02 * np.sin(5 * at + phase[1])
        if kind in ("moves", "moving"):
            x = 0.5 + 0.28 * np.sin(2 * np.pi * at * rng.uniform(0.6, 1.6) + phase[2])
        if kind == "turns":
            self.angle = 25 * np.sin(2 * np.pi * at + phase[2])
        if kind == "grows":
            self.scale = 1 + 0.35 * np.sin(2 * np.pi * at * rng.uniform(0.5, 1.2) + phase[2])
        if kind == "bends":
            self.bend = 0.07 * np.sin(2 * np.pi * at * rng.uniform(1, 3) + phase[2])
        if kind == "leaves":  # gone for a third of the clip
            x = 0.5 + 1.3 * np.clip(np.abs(at - 0.5) * -6 + 2, 0, 1)
        if kind == "shakes":
            steps = rng.normal(0, 0.006, (count, 2))
            self.shake = cv2.GaussianBlur(steps, (1, 5), 0, borderType=cv2.BORDER_REFLECT) * 2
        if kind == "moving":
            self.pan = 0.45 * np.sin(2 * np.pi * at * 0.7 + phase[3])
        self.place = np.stack([x, y], 1)


def write_clip(clip: Clip, path: Path) -> None:
    """Write a clip's file: H.264, and AAC where it has sound."""
    import av

    times = clip.times()
    base = Fraction(1, clip.rate * 512)
    beside = path.with_name(f"lying.{path.name}") if clip.rotated else path
    with av.open(str(beside), "w") as container:
        stream = container.add_stream("libx264", rate=clip.rate)
        size = clip.size[::-1] if clip.rotated else clip.size
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = base
        stream.options = {"crf": str(clip.crf), "preset": "veryfast"}
        if clip.sounds:
            _write_sound(container, float(times[-1]))
        for time, layers in zip(times, clip.layers()):
            # What lies on its side is turned clockwise by who shows it.
            image = np.rot90(layers.image, 1) if clip.rotated else layers.image
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
            frame.pts, frame.time_base = int(time / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if clip.rotated:
        _tell_rotation(beside, path)


def _write_sound(container: Any, seconds: float) -> None:
    import av

    rate, samples = 44100, 1024
    stream = container.add_stream("aac", rate=rate)
    for first in range(0, int(seconds * rate), samples):
        at = np.arange(first, first + samples) / rate
        wave = (0.2 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _tell_rotation(lying: Path, path: Path) -> None:
    import imageio_ffmpeg

    words = ["-display_rotation:v:0", "-90", "-i", str(lying), "-c", "copy", str(path)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *words]
    subprocess.run(command, check=True)
    lying.unlink()


def alphas(clip: Clip) -> Iterator[np.ndarray]:
    """A clip's opacity, uint8 (H, W), frame after frame."""
    for layers in clip.layers():
        yield np.rint(layers.alpha * 255).astype(np.uint8)


def main() -> None:
    """Write a part's clips."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--part", choices=PARTS, default=PARTS[0])
    parser.add_argument("--count", type=int, default=COUNT)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for clip in clips(arguments.data, arguments.part, arguments.count):
        write_clip(clip, arguments.folder / f"{clip.name}.mp4")
        folder = arguments.folder / "alpha" / clip.name
        folder.mkdir(parents=True, exist_ok=True)
        for number, alpha in enumerate(alphas(clip)):
            cv2.imwrite(str(folder / f"{number:05d}.png"), alpha)
        told: Dict[str, object] = {"size": clip.size, "rate": clip.rate, "frames": clip.count}
        print(clip.name, *(f"{name} {value}" for name, value in told.items()), flush=True)


if __name__ == "__main__":
    main()
