"""PaddleSeg's losses, its own classes and what stands for them here: what runs, and what it does.

    python benchmarks/losses.py --save losses_3.json          once for each Paddle
    python benchmarks/losses.py --table losses_2.json losses_3.json

Each loss with some arguments goes forward and backward on random logits of 1, 2 and 5 channels (as
many as it takes) with labels of blocks: all pixels count, a fifth is ignored, all are ignored. The
table is the one in docs/paddleseg.md.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from paddleseg_u2net.env import load_paddle

load_paddle()

import paddle
from paddleseg.cvlibs import manager

from paddleseg_u2net.losses import KINDS, MENDED

# Arguments to try of each loss, by what they are called in the table.
VARIANTS = {
    "CrossEntropyLoss": {
        "": {},
        "weight": {"weight": [0.5, 2.0, 1.0, 3.0, 1.0]},
        "top_k_percent_pixels": {"top_k_percent_pixels": 0.9},
    },
    "BootstrappedCrossEntropyLoss": {
        "": {"min_K": 20, "loss_th": 0.3},
        "min_K above what counts": {"min_K": 650, "loss_th": 9.0},
    },
    "OhemCrossEntropyLoss": {"": {"min_kept": 1000}, "mining": {"thresh": 0.01, "min_kept": 40}},
    "OhemEdgeAttentionLoss": {"": {}, "mining": {"thresh": 0.01, "min_kept": 20}},
    "BCELoss": {
        "": {},
        "pos_weight: 2.0": {"pos_weight": 2.0},
        "pos_weight: 2": {"pos_weight": 2},
        "weight: dynamic": {"weight": "dynamic"},
        "edge_label": {"edge_label": True},
    },
    "DiceLoss": {"": {}, "weight": {"weight": [0.5, 2.0, 1.0, 3.0, 1.0]}},
    "MultiClassFocalLoss": {"": {"num_class": 5}},
    "RMILoss": {"": {}},
    "RelaxBoundaryLoss": {
        "": {},
        "border: 2": {"border": 2},
        "calculate_weights": {"calculate_weights": True},
    },
    "PointCrossEntropyLoss": {"": {}, "weight": {"weight": [0.5, 2.0, 1.0, 3.0, 1.0]}},
    "PixelContrastCrossEntropyLoss": {"": {"max_views": 8, "max_samples": 40}},
}
IGNORED = {"": 0.0, "ignored pixels": 0.2, "only ignored pixels": 2.0}
# What is right here and not there, or other: words that no run could find.
DIFFERENT = {
    "CrossEntropyLoss": "`top_k_percent_pixels` is a share of the pixels that count *",
    "DistillCrossEntropyLoss": "for programs with a teacher; refused in a configuration",
    "BootstrappedCrossEntropyLoss": "where fewer pixels than `min_K` count, they are the mean *",
    "OhemCrossEntropyLoss": "keeps `min_kept` pixels, not one less *",
    "OhemEdgeAttentionLoss": "as OhemCrossEntropyLoss *",
    "BCELoss": "ignored pixels are not negative in `dynamic` *; heads of `edge_label` are "
    "probabilities *, the frame is no edge; integers and lists for weights",
    "FocalLoss": "one channel, too",
    "DiceLoss": "one channel, too; the label is left as it is",
    "LovaszSoftmaxLoss": "0 of ignored pixels only",
    "LovaszHingeLoss": "of two channels the logit is their difference, not log p *",
    "L1Loss": "of probabilities, not of logits *",
    "MSELoss": "of probabilities, not of logits *",
    "RMILoss": "`num_classes` is the network's",
    "RelaxBoundaryLoss": "trains; mean over images, each with its own borders; `border` above 1 "
    "and `calculate_weights`",
    "DualTaskLoss": "means are over pixels that count *",
    "SemanticConnectivityLoss": "has a gradient, by probabilities; right of every class",
    "DetailAggregateLoss": "edges are fused with STDC's weights, not with random ones; ignored "
    "pixels do not count",
    "PointCrossEntropyLoss": "`weight` is that of a point's class, not its number",
    "PixelContrastCrossEntropyLoss": "0 where no class has `max_views` pixels",
    "SECrossEntropyLoss": "(N, C, 1, 1), too; images of ignored pixels only do not count",
    "KLLoss": "ignored pixels do not count *",
    "MixedLoss": "one number, whatever the order of its losses",
    "MaskFormerLoss": "refused: its labels are masks of instances",
}
HEADS = {
    "map": "each pixel's logits",
    "edges": "edges (STDCSeg)",
    "pair": "logits and edges (GSCNN, DecoupledSegNet)",
    "points": "points (PointRend)",
    "embedding": "logits and embeddings (HRNetW48Contrast)",
    "vector": "a logit per class and image (ENCNet, FastFCN)",
    "teacher": "two networks",
    "queries": "MaskFormer's",
}
SIZE = (2, 24, 30)


def label_of(channels, ignored, rng):
    """Blocks of three by three pixels of a class, with ignored ones."""
    blocks = rng.integers(0, max(channels, 2), (SIZE[0], SIZE[1] // 3, SIZE[2] // 3))
    label = np.kron(blocks, np.ones((3, 3), np.int64))
    label[rng.random(SIZE) < ignored] = 255
    return label


def head_of(form, logits, rng):
    """A head of a form around ``logits``."""
    if form == "pair":
        return (logits, paddle.to_tensor(rng.random((2, 1, *SIZE[1:])).astype("float32")))
    if form == "points":
        points = paddle.to_tensor(rng.random((2, 30, 2)).astype("float32"))
        return (logits.flatten(2)[:, :, :30], points)
    if form == "embedding":
        return {"seg": logits, "embed": paddle.tile(logits, [1, 3, 1, 1])}
    return logits.mean([2, 3]) if form == "vector" else logits


def called(loss, name, x, label, rng):
    """The loss of logits, as PaddleSeg's trainer calls it; a list is summed."""
    form = KINDS[name].form
    second = paddle.to_tensor(rng.normal(0, 1.5, x.shape).astype("float32"))
    if name == "KLLoss":
        ours = hasattr(loss, "of_heads")
        return loss.of_heads([x, second], label) if ours else loss(x, second)
    if form == "teacher":
        return loss(x, second, label)
    if getattr(loss, "edge_label", False):  # as GSCNN's head
        x = paddle.nn.functional.sigmoid(x)
    value = loss(head_of(form, x, rng), label)
    return sum(value) if isinstance(value, list) else value


def outcome(loss, name, logits, label, rng):
    """The loss of a case, what its gradient sums to, and what is wrong."""
    x, given = paddle.to_tensor(logits, stop_gradient=False), paddle.to_tensor(label)
    paddle.seed(0)
    try:
        value = called(loss, name, x, given, rng)
        if list(value.shape) not in ([], [1]):
            return None, "gives no number but an empty tensor"
        value.backward()
    except Exception as error:
        return None, f"stops ({type(error).__name__})"
    counted = (label != 255).any()
    if not np.isfinite(float(value)):
        return None, "gives no finite number"
    if (given.numpy() != label).any():
        return float(value), "changes the label"
    if counted and (x.grad is None or not float(x.grad.abs().sum())):
        return float(value), "has no gradient"
    return float(value), ""


def own_and_ours(name):
    """Problems of PaddleSeg's own class and of ours, by case."""
    kind = KINDS[name]
    found = {"own": {}, "here": {}}
    for variant, arguments in VARIANTS.get(name, {"": {}}).items():
        for channels in (1, 2, 5) if kind.form != "edges" else (1,):
            if kind.refuses(channels):
                continue
            for ignored, share in IGNORED.items():
                rng = np.random.default_rng(3)
                logits = rng.normal(0, 1.5, (2, channels, *SIZE[1:])).astype("float32")
                label, values = label_of(channels, share, rng), {}
                case = [variant, f"{channels} channel" + "s" * (channels > 1), ignored]
                classes = {"own": manager.LOSSES[name], "here": MENDED.get(name)}
                for side, loss in classes.items():
                    own = dict(arguments)
                    if isinstance(own.get("weight"), list):
                        own["weight"] = own["weight"][:channels]
                    if name == "RMILoss" and side == "own":
                        own["num_classes"] = channels
                    try:
                        made = loss(**own) if loss else manager.LOSSES[name](**own)
                    except Exception as error:
                        values[side] = None, f"stops ({type(error).__name__})"
                    else:
                        again = np.random.default_rng(4)
                        values[side] = outcome(made, name, logits, label, again)
                    found[side][json.dumps(case)] = values[side][1]
                (theirs, problem), (ours, _) = values["own"], values["here"]
                if None not in (theirs, ours) and not problem:
                    alike = np.isclose(theirs, ours, rtol=1e-3, atol=1e-6)
                    found["own"][json.dumps(case)] = "" if alike else "another number"
    return found


def mixed():
    """MixedLoss by the order of its losses, on a label with ignored pixels."""
    rng = np.random.default_rng(3)
    logits = paddle.to_tensor(rng.normal(0, 1.5, (2, 3, *SIZE[1:])).astype("float32"))
    label, found = label_of(3, 0.2, rng), {}
    for side in ("own", "here"):
        table = {**manager.LOSSES.components_dict, **(MENDED if side == "here" else {})}
        dice, hard = table["DiceLoss"](), table["BootstrappedCrossEntropyLoss"](20, 0.3)
        totals = []
        for losses in ([dice, hard], [hard, dice]):
            value = table["MixedLoss"](losses, [1.0, 1.0])(logits, paddle.to_tensor(label))
            totals.append(float(sum(value) if isinstance(value, list) else value))
        same = np.isclose(*totals, rtol=1e-6)
        found[side] = {json.dumps(["", "", ""]): "" if same else "depends on the order"}
    return found


def run():
    """What `own_and_ours` finds of each loss that can be run."""
    results = {}
    for name in KINDS:
        if name == "MixedLoss":
            results[name] = mixed()
        elif name not in ("DeepSupervisionLoss", "MaskFormerLoss"):
            results[name] = own_and_ours(name)
    return {"paddle": paddle.__version__, "losses": results}


def words(cases):
    """Problems and the cases that have them, shortly."""
    by_problem, every = defaultdict(list), [json.loads(case) for case in cases]
    for case, problem in cases.items():
        if problem:
            by_problem[problem].append(json.loads(case))
    said = []
    for problem, found in by_problem.items():
        told = []
        for place in range(3):
            kinds = {case[place] for case in found}
            if "" not in kinds and kinds < {case[place] for case in every}:
                told.append(" or ".join(sorted(kinds)))
        said.append(f"{problem}: {', '.join(told)}" if told else problem)
    return "; ".join(said) or "as here"


def table(files):
    """The Markdown table of results of two Paddles."""
    runs = [json.loads(Path(file).read_text()) for file in files]
    heads = [f"PaddleSeg's own, Paddle {run['paddle']}" for run in runs]
    print("| loss | heads | soft masks | " + " | ".join([*heads, "here"]) + " |")
    print("| --- " * (len(heads) + 4) + "|")
    for name, kind in KINDS.items():
        if name == "DeepSupervisionLoss":
            continue
        number = {(1, 1): ", 1 channel", (1, 2): ", 1 or 2 channels", (1, 256): ""}
        channels = number.get((kind.least, kind.most), ", 2 channels or more")
        cells = [name, HEADS[kind.form] + channels * (kind.form == "map")]
        cells.append("yes" if kind.soft else "no")
        for result in runs:
            found = result["losses"].get(name)
            cells.append(words(found["own"]) if found else "not run")
            if found and name in MENDED and any(found["here"].values()):
                raise SystemExit(f"{name} here: {words(found['here'])}")
        cells.append(DIFFERENT.get(name, "PaddleSeg's own"))
        print("| " + " | ".join(cells) + " |")


def main():
    """Run the losses on this Paddle, or print the table of two runs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--save", help="a JSON file for what was found")
    parser.add_argument("--table", nargs="+", help="JSON files to print as a table")
    arguments = parser.parse_args()
    if arguments.table:
        table(arguments.table)
        return
    result = run()
    if arguments.save:
        Path(arguments.save).write_text(json.dumps(result, indent=1))
    for name, found in result["losses"].items():
        print(f"{name}: own: {words(found['own'])} | here: {words(found['here'])}")


if __name__ == "__main__":
    main()
