"""Run the documented commands with two checkouts and print every difference in what they write.

    python benchmarks/compare_commits.py OLD [--new NEW] [--shared ../shared] [--only NAME ...]

OLD and NEW are checkouts of this project; NEW is this one unless it is named. Each job of `JOBS`
runs with both, in folders of their own, with the same relative paths. Then files and console output
are compared: arrays and pixels exactly, everything else byte for byte once times and dates are
taken out. Exit code 0: no difference; 1: there are some, all printed.
"""

from __future__ import annotations

import argparse
import difflib
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

import cv2
import numpy as np

HERE = Path(__file__).resolve().parents[1]

SMALL = (
    "batch_size=2 train_dataset.dataset_root=drawn val_dataset.dataset_root=drawn "
    "preprocess.size=[64,64]"
)
TRAIN = "tools/train.py --config configs/quickstart.yml --do_eval --log_iters 1 --save_interval 3"
OFFICIAL = "shared/weights/u2netp.pth"
ECSSD = "--config configs/RGB/U2Net/u2netp_ecssd.yaml --opts val_dataset.dataset_root=ecssd"
HELPED = ["train", "val", "eval_maps", "export", "predict", "prepare", "dataset import"]
FORMATS = ("onnx", "openvino", "paddle", "ncnn")
ENGINES = (("onnxruntime", "guided"), ("openvino", "bilinear"), ("ncnn", "bilinear"))
PEOPLE = "shared/data/person_290"

# A command may read what earlier ones wrote. `@old` runs the old checkout on both sides: what it
# wrote is then read by each.
JOBS: Dict[str, List[str]] = {
    "draw": ["-m paddleseg_u2net draw --save_dir drawn --train 24 --val 12 --size 96 80"],
    "help": [f"-m paddleseg_u2net {command} --help" for command in HELPED],
    "model_info": ["tools/model_info.py --stages --json info.json"],
    "train": [f"{TRAIN} --save_dir run --iters 6 --use_ema --seed 3 --opts {SMALL}"],
    "resume": [
        f"@old {TRAIN} --save_dir old_run --iters 3 --seed 5 --opts {SMALL}",
        f"{TRAIN} --save_dir resumed --iters 6 --seed 5 --resume_model old_run/iter_3 "
        f"--opts {SMALL}",
    ],
    "val_trained": ["tools/val.py --model_path run/best_model --json val.json --metrics all"],
    "val_official": [
        f"tools/val.py --model_path {OFFICIAL} --backend onnxruntime --json val.json {ECSSD}",
        f"tools/val.py --model_path {OFFICIAL} --backend onnxruntime --json flipped.json "
        f"--aug_eval --flip_horizontal {ECSSD}",
    ],
    "predict_paddle": [
        f"tools/predict.py --model_path {OFFICIAL} --backend paddle --image_path ecssd/three "
        "--save_dir paddle --pictures saliency cutout added_prediction pseudo_color_prediction"
    ],
    "predict_engines": [
        f"tools/predict.py --model_path {OFFICIAL} --backend {engine} --image_path ecssd/three "
        f"--save_dir {engine} --upsampling {way} --pictures saliency cutout"
        for engine, way in (
            ("onnxruntime", "guided"),
            ("openvino", "bilinear"),
            ("ncnn", "bilinear"),
        )
    ],
    "predict_augmented": [
        f"tools/predict.py --model_path {OFFICIAL} --backend onnxruntime --image_path ecssd/three "
        "--save_dir augmented --aug_pred --scales 0.75 1.25 --flip_horizontal --is_slide "
        "--crop_size 256 256 --stride 200 200"
    ],
    "predict_trained": [
        "tools/predict.py --model_path run/best_model --image_path drawn/val_list.txt "
        "--save_dir trained --pictures saliency cutout"
    ],
    "export": [
        f"tools/export.py --model_path {OFFICIAL} --format {format} --save_dir exported_{format}"
        for format in FORMATS
    ],
    "exported": [
        command
        for format in FORMATS
        for command in (
            f"@old tools/export.py --model_path {OFFICIAL} --format {format} "
            f"--save_dir old_{format}",
            f"tools/predict.py --model_path old_{format} --image_path ecssd/three "
            f"--save_dir maps_{format} --pictures saliency cutout",
        )
    ],
    "int8": [
        f"tools/export.py --model_path {OFFICIAL} --format onnx --precision int8 --save_dir int8 "
        "--calibration ecssd/images --calibration_masks ecssd/masks --max_mae_increase 0.01"
    ],
    "convert": [
        f"tools/convert_weights.py --input {OFFICIAL} --output converted/u2netp.{suffix}"
        for suffix in ("pdparams", "safetensors", "onnx", "pth")
    ]
    + [
        "tools/convert_weights.py --input shared/weights/u2netp_rembg.onnx --output from_onnx.pth",
        "tools/convert_weights.py --input run/best_model --output from_run.safetensors",
    ],
    "eval_maps": [
        "tools/eval_maps.py --pred_dir U2NetP=shared/oracles/ecssd_u2netp_maps --gt_dir "
        "ECSSD=shared/data/ecssd_300/ground_truth_mask --metrics all --json all.json --csv all.csv "
        "--per_image images.csv --latex table.tex --markdown table.md",
        "tools/eval_maps.py --pred_dir shared/oracles/sod_matlab_dss/maps --gt_dir "
        "shared/oracles/sod_matlab_dss/masks --metrics all --json dss.json --preset matlab",
        "tools/eval_maps.py --pred_dir shared/oracles/ecssd_u2netp_maps --gt_dir ecssd/masks "
        "--list ecssd/val_list.txt --workers 0 --json some.json --preset paper --html page.html "
        "--image_dir ecssd/images",
    ],
    "data": [
        f"tools/dataset.py import folders --images {PEOPLE}/images --masks {PEOPLE}/masks --output "
        "people --skip_bad --val_share 0.2",
        f"tools/dataset.py check --images {PEOPLE}/images --masks {PEOPLE}/masks --files --json "
        "check.json --report check.html",
        "tools/dataset.py check --root shared/data/optic_disc_seg --num_classes 2 "
        "--json optic.json",
        "tools/dataset.py stats --root shared/data/optic_disc_seg --num_classes 2 "
        "--json stats.json",
        "tools/dataset.py show --root shared/data/optic_disc_seg --num_classes 2 --output show.png",
        "benchmark_data_prepare/prepare.py --list",
        "benchmark_data_prepare/prepare.py optic_disc_seg --source shared/data/optic_disc_seg "
        "--allow_incomplete",
    ],
    "cases": [],
}

_VARYING = [
    (re.compile(pattern), new)
    for pattern, new in (
        (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?", "<date>"),
        (r"\d{4}-\d\d-\d\d", "<date>"),
        (r"\b\d+:\d\d(:\d\d)?\b", "<time>"),
        (r"\b[\d.]+ ?(s|ms|images/s|it/s|MB/s|MiB|GiB|min)\b", "<amount>"),
        (r"((?:batch|reader)_cost|ips|rate)[=: ]+[\d.e-]+", r"\1 <amount>"),
        (r"\bin [\d.]+( |$)", "in <amount> "),
        (r"(\.\./)+[\w/]*configs/", "<folder>/configs/"),
    )
]


@dataclass
class Side:
    """One checkout and the folder in which its commands run."""

    name: str
    checkout: Path
    folder: Path

    def prepare(self, shared: Path) -> None:
        """Make the folder, with links to what commands read."""
        self.folder.mkdir(parents=True)
        for name in ("configs", "tools", "benchmark_data_prepare"):
            (self.folder / name).symlink_to(self.checkout / name)
        (self.folder / "shared").symlink_to(shared)
        _some_of_ecssd(shared / "data" / "ecssd_300", self.folder / "ecssd")

    def run(self, words: Sequence[str], log: Path) -> None:
        """Run one command; what it prints and its exit code are added to ``log``."""
        env = {**os.environ, "PYTHONPATH": str(self.checkout), "COLUMNS": "80"}
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(words)}\n{done.stdout}exit code {done.returncode}\n")


def _some_of_ecssd(source: Path, target: Path, count: int = 60) -> None:
    """Link the first images and masks, and list them for validation."""
    for name in ("images", "masks", "three"):
        (target / name).mkdir(parents=True)
    names = sorted(path.stem for path in (source / "images").glob("*.jpg"))[:count]
    for number, name in enumerate(names):
        image = source / "images" / f"{name}.jpg"
        (target / "images" / image.name).symlink_to(image)
        if number < 3:
            (target / "three" / image.name).symlink_to(image)
        mask = source / "ground_truth_mask" / f"{name}.png"
        (target / "masks" / mask.name).symlink_to(mask)
    lines = [f"images/{name}.jpg masks/{name}.png" for name in names]
    for part in ("val", "test"):
        (target / f"{part}_list.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _commands(job: str, shared: Path) -> List[str]:
    """The job's lines; of `cases` the imports that stand in the scripts of ``shared/cases``."""
    if job != "cases":
        return JOBS[job]
    lines = []
    for script in sorted((shared / "cases").glob("*/case.sh")):
        name = script.parent.name
        for line in re.findall(r"^run (tools/dataset\.py import .*)$", script.read_text(), re.M):
            line = line.replace('"', "").replace("$IN", f"shared/cases/{name}/in")
            lines.append(line.replace("$OUT", f"cases/{name}"))
    return lines


def _run_job(name: str, sides: Sequence[Side], shared: Path) -> None:
    for line in _commands(name, shared):
        old_only = line.startswith("@old ")
        words = line[len("@old ") :].split() if old_only else line.split()
        for side in sides:
            log = side.folder / f"console_{name}.txt"
            if old_only:
                Side(sides[0].name, sides[0].checkout, side.folder).run(words, log)
            else:
                side.run(words, log)


def _files(folder: Path) -> Dict[str, Path]:
    found = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not (Path(root) / name).is_symlink()]
        for name in names:
            path = Path(root) / name
            if not path.is_symlink():
                found[str(path.relative_to(folder))] = path
    return found


def _text(data: bytes, side: Side) -> List[str]:
    text = data.decode("utf-8", "replace").replace("\r", "\n")
    for path in (side.folder, side.checkout):
        text = text.replace(str(path), "<folder>")
    for pattern, new in _VARYING:
        text = pattern.sub(new, text)
    return [line for line in text.splitlines() if "ETA <time>" not in line]  # when, not what


def _same_arrays(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same_arrays(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same_arrays, one, other))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    return bool(one == other) or (one != one and other != other)


def _difference(name: str, old: Side, new: Side) -> Iterator[str]:
    """What of one file differs; nothing where it is the same."""
    before, after = (side.folder / name for side in (old, new))
    one, other = before.read_bytes(), after.read_bytes()
    if one == other:
        return
    if name.endswith((".png", ".jpg")):
        pixels = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (before, after)]
        if pixels[0].shape != pixels[1].shape:
            yield f"{name}: {pixels[0].shape} became {pixels[1].shape}"
        elif not np.array_equal(*pixels):
            apart = np.abs(pixels[0].astype(int) - pixels[1]).max()
            yield f"{name}: pixels differ by up to {apart}"
    elif name.endswith((".pdparams", ".pdopt", ".pdstate")):
        if not _same_arrays(pickle.loads(one), pickle.loads(other)):
            yield f"{name}: other arrays"
    else:
        lines = _text(one, old), _text(other, new)
        if lines[0] != lines[1]:
            changed = [
                line
                for line in difflib.unified_diff(*lines, lineterm="", n=0)
                if not line.startswith(("---", "+++", "@@"))
            ]
            yield f"{name}: {len(changed)} lines"
            yield from (f"    {line[:240]}" for line in changed[:40])


def _compare(old: Side, new: Side) -> List[str]:
    before, after = _files(old.folder), _files(new.folder)
    lines = [f"{name}: only the old one writes it" for name in before if name not in after]
    lines += [f"{name}: only the new one writes it" for name in after if name not in before]
    for name in sorted(before.keys() & after.keys()):
        lines += _difference(name, old, new)
    return lines


def main() -> int:
    """Run the jobs and print what differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("old", type=Path, help="a checkout of the old commit")
    parser.add_argument("--new", type=Path, default=HERE, help="the other checkout")
    parser.add_argument("--shared", type=Path, default=HERE.parent / "shared")
    parser.add_argument("--only", nargs="+", choices=JOBS, metavar="JOB", default=list(JOBS))
    parser.add_argument("--keep", type=Path, help="work there, and leave what was written")
    given = parser.parse_args()
    work = (given.keep or Path(tempfile.mkdtemp())).resolve()
    sides = [
        Side(name, path.resolve(), work / name)
        for name, path in (("old", given.old), ("new", given.new))
    ]
    try:
        for side in sides:
            side.prepare(given.shared.resolve())
        for name in (job for job in JOBS if job in given.only):
            print(f"running {name}", file=sys.stderr, flush=True)
            _run_job(name, sides, given.shared)
        lines = _compare(*sides)
        compared = len(_files(sides[0].folder))
    finally:
        if given.keep is None:
            shutil.rmtree(work)
    print("\n".join(lines))
    print(f"{compared} files of {len(given.only)} jobs compared: {len(lines)} lines of differences")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
