"""``tools/model_info.py``: what models cost, in numbers whose definitions stand below them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

from paddleseg_u2net.architecture import TABLES, Architecture
from paddleseg_u2net.architecture.counts import Counts, count, count_stages
from paddleseg_u2net.commands.parsing import Parser, file_of
from paddleseg_u2net.io.files import write_text
from paddleseg_u2net.predictor.source import complete, read_config, read_source
from paddleseg_u2net.text import aligned
from paddleseg_u2net.weights import locate

_MIB = 2**20
_ROWS: List[Tuple[str, Callable[[Counts], str]]] = [
    ("parameters, M [1]", lambda counts: f"{counts.parameters / 1e6:.3f}"),
    ("trained here, M [1]", lambda counts: f"{counts.trainable / 1e6:.3f}"),
    ("multiply-adds, G [2]", lambda counts: f"{counts.multiply_adds / 1e9:.3f}"),
    ("FLOPs, G [3]", lambda counts: f"{counts.flops / 1e9:.3f}"),
    ("paddle.flops, G [4]", lambda counts: f"{counts.profiler_flops / 1e9:.3f}"),
    ("activations, M [5]", lambda counts: f"{counts.activations / 1e6:.3f}"),
    ("weights, MiB [6]", lambda counts: f"{counts.weight_bytes / _MIB:.1f}"),
    ("peak in inference, MiB [7]", lambda counts: f"{counts.peak_bytes / _MIB:.1f}"),
    ("kept in training, MiB [8]", lambda counts: f"{counts.training_bytes / _MIB:.1f}"),
    ("receptive field, pixels [9]", lambda counts: str(counts.receptive_field)),
]
_STAGE_ROW = ["stage", "output", "parameters, M", "multiply-adds, G", "receptive field"]
_NOTES = """\
For one picture, in evaluation, in float32. M and G are powers of 1000, MiB is 2^20 bytes.
[1] as published, with the convolution biases that a BatchNorm cancels; trained here: without them
[2] of convolutions
[3] two for each multiply-add; for an output element 1 for a bias that no BatchNorm cancels, 2 for
    BatchNorm, 1 for ReLU, 1 for a residual sum, 3 for pooling, 7 for a bilinear resize
[4] what paddle.flops reports for the published layers: multiply-adds as one, all biases as one,
    BatchNorm as two. VastModelZOO's 130.610 G and 44.185 G are 20/9 of it.
[5] elements of all convolution outputs
[6] with running statistics
[7] largest sum of tensors alive at a time, each freed after its last use; without weights and
    workspace
[8] what the backward pass needs: inputs of convolutions, their outputs before BatchNorm, outputs
    of ReLU, inputs of pooling; without weights, gradients, optimizer and loss
[9] height and width of what a pixel of the fused map (or of a stage's output) depends on, the
    largest over its positions, in a picture without borders whose size halves evenly"""


def _arguments(argv: List[str]) -> argparse.Namespace:
    result = Parser(
        prog="model_info", description="Count the parameters, arithmetic and memory of models."
    )
    add = result.add_argument
    of_variants = f"of {' and '.join(TABLES)} (others have their own)"
    add(
        "--config",
        nargs="+",
        default=[],
        metavar="YAML",
        help="add their models; with --model_path: one, which names the model of the file",
    )
    add("--model_path", metavar="FILE", help="add the model of a file, checkpoint's folder or name")
    add("--size", type=int, nargs=2, default=(320, 320), metavar=("W", "H"), help="of the picture")
    add("--in_channels", type=int, default=3, help=of_variants)
    add("--num_classes", type=int, default=1, help=of_variants)
    add("--stages", action="store_true", help="show a row for each stage, too")
    add("--json", type=file_of(".json"), metavar="FILE", help="write the numbers there too")
    add("--markdown", action="store_true", help="print tables in Markdown")
    arguments = result.parse_args(argv)
    if min(*arguments.size, arguments.in_channels, arguments.num_classes) < 1:
        result.error("--size, --in_channels, --num_classes: expected numbers of 1 or more")
    if arguments.model_path and len(arguments.config) > 1:
        result.error("--config: expected one with --model_path, the file's own")
    return arguments


def run(argv: List[str]) -> int:
    """Print the table; 0 if all models could be counted."""
    arguments = _arguments(argv)
    width, height = arguments.size
    sizes = arguments.num_classes, arguments.in_channels
    models = [(name, Architecture.of(table, *sizes)) for name, table in TABLES.items()]
    if arguments.model_path:
        source = read_source(locate(arguments.model_path), *arguments.config)
        if source.config:  # else the weights themselves were asked
            complete(source)
        models.append((Path(arguments.model_path).stem, source.model))
    else:
        models += [(Path(path).stem, read_config(path).architecture()) for path in arguments.config]
    programs = [model.program() for _, model in models]
    counts = [count(program, height, width) for program in programs]
    stages = [count_stages(program, height, width) for program in programs]
    if arguments.json:
        cards = [
            {
                "name": name,
                "num_classes": model.num_classes,
                "in_channels": model.in_channels,
                "counts": total._asdict(),
                "stages": [row._asdict() for row in rows],
            }
            for (name, model), total, rows in zip(models, counts, stages)
        ]
        content = {"width": width, "height": height, "models": cards}
        write_text(arguments.json, json.dumps(content, indent=2) + "\n")
    table = _markdown if arguments.markdown else aligned
    totals = [[title, *map(shown, counts)] for title, shown in _ROWS]
    print(*table([[f"{width}x{height}", *(name for name, _ in models)], *totals]), sep="\n")
    for (name, _), rows in zip(models, stages) if arguments.stages else ():
        cells = [
            [
                row.name,
                "x".join(map(str, row.shape)),
                f"{row.parameters / 1e6:.3f}",
                f"{row.multiply_adds / 1e9:.3f}",
                str(row.receptive_field),
            ]
            for row in rows
        ]
        print(f"\n{name}", *([""] if arguments.markdown else []), sep="\n")
        print(*table([_STAGE_ROW, *cells]), sep="\n")
    print(f"\n```text\n{_NOTES}\n```" if arguments.markdown else f"\n{_NOTES}")
    return 0


def _markdown(rows: Sequence[Sequence[str]]) -> List[str]:
    rule = ["---", *(["---:"] * (len(rows[0]) - 1))]
    cells = ([cell.replace("|", r"\|") for cell in row] for row in (rows[0], rule, *rows[1:]))
    return [f"| {' | '.join(row)} |" for row in cells]
