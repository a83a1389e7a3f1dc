"""Draw data, train a small U²-Net on it, validate, predict, and show it all on one sheet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import List

from paddleseg_u2net.commands import draw, predict, train, val
from paddleseg_u2net.commands.parsing import Parser
from paddleseg_u2net.io.files import write_text
from paddleseg_u2net.training.distributed import Distributed
from paddleseg_u2net.training.run_folder import reserved

_SHOWN = 8
_CELL = 160  # pixels of a picture on the sheet


def run(argv: List[str]) -> int:
    """Run the whole chain; 0 if every link held."""
    result = Parser(prog="quickstart", description=__doc__)
    result.add_argument("--config", default="configs/quickstart.yml")
    result.add_argument("--save_dir", default="output/quickstart", help="folder for all of it")
    result.add_argument("--iters", type=int, help="overrides the configuration")
    arguments = result.parse_args(argv)

    out = Path(arguments.save_dir)
    data, model, held_out = out / "data", out / "run" / "best_model", out / "held_out.txt"
    root = [f"{part}_dataset.dataset_root={data}" for part in ("train", "val")]
    iters = [] if arguments.iters is None else ["--iters", str(arguments.iters)]
    training = ["--config", arguments.config, "--save_dir", str(out / "run"), "--do_eval"]
    training += ["--save_interval", "1000000", *iters, "--opts", *root]
    # An earlier quickstart's model, unless it is being trained; two runs do not share a folder.
    with reserved(out / "run", Distributed()):
        shutil.rmtree(out / "run", ignore_errors=True)
    draw.run(["--save_dir", str(data), "--train", "320"])
    pairs = (data / "val_list.txt").read_text(encoding="utf-8").splitlines()[:_SHOWN]
    images = [(data / pair.split()[0]).resolve() for pair in pairs]
    write_text(held_out, "".join(f"{image}\n" for image in images))
    pictures = ["--image_path", str(held_out), "--save_dir", str(out / "pictures")]
    for module, words in (
        (train, training),
        (val, ["--model_path", str(model), "--json", str(out / "scores.json")]),
        (predict, ["--model_path", str(model), *pictures]),
    ):
        if code := module.run(words):
            return code
    sheet = _sheet([image.name for image in images], data, out)
    print(f"\nScores:   {out / 'scores.json'}\nPictures: {out / 'pictures'}\nSheet:    {sheet}")
    return 0


def _sheet(names: List[str], data: Path, out: Path) -> Path:
    from paddleseg_u2net.io.images import read_image, read_mask, write_png
    from paddleseg_u2net.prediction.jobs import ADDED, SALIENCY
    from paddleseg_u2net.render.contact_sheet import contact_sheet, picture_cells

    rows = []
    pictures = out / "pictures"
    for name in names:
        shown = [
            read_image(data / "images" / name),
            read_mask(data / "masks" / name),
            read_image(pictures / SALIENCY / name),
            read_image(pictures / ADDED / name),
        ]
        rows.append(picture_cells(name, shown, _CELL))
    path = out / "sheet.png"
    write_png(path, contact_sheet(rows, ["image", "mask", "map", "overlay"], _CELL))
    return path
