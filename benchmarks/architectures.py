"""PaddleSeg's architectures, one after the other: trained for some steps from a file of PaddleSeg's
form, validated, used on an image, exported to ONNX and compared; a Markdown row for each.

Each runs by the commands' own code in a process of its own, so one that fails ends nothing but its
row. Results are kept in a file, from which a run that was cut goes on. The exit code is 1 if
something stood in the way of one.

    python benchmarks/architectures.py --dataset_root ../shared/data/optic_disc_seg UNet SegFormer
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Dict, List, Tuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
LOSS = re.compile(r"\[TRAIN\].*\bloss: (\S+?),")
ERROR = re.compile(r"^(?:Error: |\w*Error: ).*", re.M)

RESNET18 = {"type": "ResNet18_vd", "output_stride": 8}
# Where a head of 1024 channels in the middle of a ResNet50 is written into the network's code.
RESNET50 = {"type": "ResNet50_vd", "output_stride": 8}
HRNET = {"type": "HRNet_W18_Small_V1"}
STDC1 = {"type": "STDC1"}
MOBILENET = {"type": "MobileNetV2_x1_0"}

# The arguments that PaddleSeg's example files give, or its smallest backbone of that kind.
NETWORKS: Dict[str, Dict[str, Any]] = {
    "ANN": {"backbone": RESNET18},
    "AttentionUNet": {},
    "BiSeNetV2": {},
    "BiseNetV1": {"backbone": RESNET18},
    "CCNet": {"backbone": RESNET18, "enable_auxiliary_loss": True},
    "DANet": {"backbone": RESNET18, "backbone_indices": [2, 3]},
    "DDRNet_23": {},
    "DMNet": {"backbone": RESNET18},
    "DNLNet": {"backbone": RESNET50},
    "DecoupledSegNet": {"backbone": RESNET18},
    "DeepLabV3": {"backbone": RESNET18, "backbone_indices": [3]},
    "DeepLabV3P": {"backbone": RESNET18, "backbone_indices": [0, 3]},
    "EMANet": {"backbone": RESNET50},
    "ENCNet": {"backbone": RESNET18, "mid_channels": 128},
    "ENet": {},
    "ESPNetV1": {"level2_depth": 2, "level3_depth": 8},
    "ESPNetV2": {"scale": 1.0, "drop_prob": 0.0},
    "FCN": {"backbone": HRNET, "backbone_indices": [-1]},
    "FastFCN": {"backbone": RESNET18, "num_codes": 32, "mid_channels": 128},
    "FastSCNN": {},
    "GCNet": {"backbone": RESNET18, "gc_channels": 512, "ratio": 0.25},
    "GINet": {"backbone": RESNET50, "backbone_indices": [0, 1, 2, 3]},
    "GSCNN": {"backbone": RESNET18, "backbone_indices": [0, 1, 2, 3]},
    "GloRe": {"backbone": RESNET18},
    "HarDNet": {},
    "ISANet": {"backbone": RESNET50, "isa_channels": 256},
    "LPSNet": {
        "depths": [1, 3, 3, 10, 10],
        "channels": [8, 24, 48, 96, 96],
        "scale_ratios": [0.75, 0.25],
    },
    "LRASPP": {"backbone": {"type": "MobileNetV3_small_x1_0"}, "backbone_indices": [0, 1, 3]},
    "LinearSegmenter": {
        "backbone": {
            "type": "VisionTransformer",
            "img_size": 128,
            "embed_dim": 192,
            "depth": 4,
            "num_heads": 3,
            "final_norm": True,
        }
    },
    "MobileSeg": {"backbone": MOBILENET, "cm_bin_sizes": [1, 2, 4]},
    "OCRNet": {"backbone": HRNET, "backbone_indices": [0]},
    "PFPNNet": {"backbone": RESNET50, "backbone_indices": [0, 1, 2, 3], "channels": 128},
    "PPHumanSegLite": {},
    "PPLiteSeg": {"backbone": STDC1},
    "PPMobileSeg": {
        "backbone": {"type": "MobileSeg_Tiny", "inj_type": "AAM", "out_feat_chs": [32, 64, 128]},
        "upsample": "intepolate",
    },
    "PSPNet": {"backbone": RESNET18},
    "PointRend": {"backbone": RESNET50, "backbone_indices": [0, 1, 2, 3]},
    "PortraitNet": {"backbone": MOBILENET, "add_edge": False},
    "RTFormer": {"base_channels": 32, "head_channels": 64, "use_injection": [True, False]},
    "SFNet": {"backbone": RESNET18, "backbone_indices": [0, 1, 2, 3]},
    "STDCSeg": {"backbone": STDC1},
    "SegFormer": {"backbone": {"type": "MixVisionTransformer_B0"}, "embedding_dim": 256},
    "SegNeXt": {
        "backbone": {"type": "MSCAN_T"},
        "decoder_cfg": {
            "channels": 256,
            "ham_channels": 256,
            "ham_kwargs": {"MD_R": 16},
            "dropout_rate": 0.1,
            "align_corners": False,
        },
    },
    "SegNet": {},
    "TopFormer": {"backbone": {"type": "TopTransformer_Tiny"}, "head_use_dw": True},
    "U2Net": {},
    "U2Netp": {},
    "UNet": {},
    "UNet3Plus": {},
    "UNetPlusPlus": {},
    "UPerNet": {"backbone": RESNET18, "backbone_indices": [0, 1, 2, 3], "channels": 128},
}

# Where heads differ: a loss for each, as in PaddleSeg's files; else cross-entropy on every head.
CROSS_ENTROPY = {"type": "CrossEntropyLoss"}
EDGES = {"type": "BCELoss", "weight": "dynamic", "edge_label": True}
ENCODED = ([CROSS_ENTROPY, CROSS_ENTROPY, {"type": "SECrossEntropyLoss"}], [1, 0.4, 0.2])
LOSSES: Dict[str, Tuple[List[Dict[str, Any]], List[float]]] = {
    "DecoupledSegNet": (
        [CROSS_ENTROPY, {"type": "RelaxBoundaryLoss"}, EDGES, {"type": "OhemEdgeAttentionLoss"}],
        [1, 1, 25, 1],
    ),
    "ENCNet": ENCODED,
    "FastFCN": ENCODED,
    "GSCNN": (
        [CROSS_ENTROPY, {"type": "EdgeAttentionLoss"}, EDGES, {"type": "DualTaskLoss"}],
        [1, 1, 20, 1],
    ),
    "PointRend": ([CROSS_ENTROPY, {"type": "PointCrossEntropyLoss"}], [1, 1]),
    "STDCSeg": ([*[CROSS_ENTROPY] * 3, {"type": "DetailAggregateLoss"}], [1, 1, 1, 1]),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("names", nargs="*", metavar="ARCHITECTURE", help=f"else all: {', '.join(NETWORKS)}")
    add("--dataset_root", type=Path, help="two classes in PaddleSeg's layout; else drawings")
    add("--type", default="Dataset", help="of the data set, such as OpticDiscSeg")
    add("--size", type=int, default=128, help="of the images that networks see")
    add("--iters", type=int, default=20)
    add("--batch_size", type=int, default=2)
    add("--format", default="onnx", help="of the export")
    add("--work", type=Path, default=ROOT / "output" / "architectures")
    add("--again", action="store_true", help="run also those whose results are there")
    add("--one", metavar="ARCHITECTURE", help=argparse.SUPPRESS)
    result = parser.parse_args()
    if unknown := set(result.names) - set(NETWORKS):
        parser.error(f"no such architecture: {', '.join(sorted(unknown))}")
    return result


def draw(folder: Path) -> Path:
    """Drawings in PaddleSeg's layout: masks of 0 and 1, and lists."""
    from PIL import Image

    from paddleseg_u2net.datasets.synthetic import draw_pair

    folder.mkdir(parents=True, exist_ok=True)
    for part, numbers in (("train", range(16)), ("val", range(16, 20))):
        for number in numbers:
            image, mask = draw_pair(number, size=(160, 160))
            Image.fromarray(image).save(folder / f"{number}.jpg")
            Image.fromarray((mask > 127).astype("uint8")).save(folder / f"{number}.png")
        pairs = "".join(f"{number}.jpg {number}.png\n" for number in numbers)
        (folder / f"{part}_list.txt").write_text(pairs)
    return folder


def configuration(name: str, asked: argparse.Namespace, heads: int = 1) -> Dict[str, Any]:
    """A file of PaddleSeg's form."""
    root, size = asked.dataset_root, [asked.size, asked.size]
    data: Dict[str, Any] = {"type": asked.type, "dataset_root": str(root)}
    if asked.type == "Dataset":
        data["num_classes"] = 2
    resized = [{"type": "Resize", "target_size": size}, {"type": "Normalize"}]
    types, coef = LOSSES.get(name, ([CROSS_ENTROPY], [1] * heads))
    tree: Dict[str, Any] = {
        "batch_size": asked.batch_size,
        "iters": asked.iters,
        "model": {"type": name, "num_classes": 2, **NETWORKS[name], "pretrained": None},
        "loss": {"types": types, "coef": coef},
        "optimizer": {"type": "SGD", "momentum": 0.9, "weight_decay": 4.0e-5},
        "lr_scheduler": {
            "type": "PolynomialDecay",
            "learning_rate": 0.01,
            "end_lr": 0,
            "power": 0.9,
        },
    }
    flipped = [resized[0], {"type": "RandomHorizontalFlip"}, resized[1]]
    for part, transforms in (("train", flipped), ("val", resized)):
        tree[f"{part}_dataset"] = {**data, "mode": part, "transforms": transforms}
        if asked.type == "Dataset":
            tree[f"{part}_dataset"][f"{part}_path"] = str(root / f"{part}_list.txt")
    return tree


def run_one(name: str, asked: argparse.Namespace) -> None:
    """All steps of one architecture; what was found is in ``result.json`` after each of them."""
    work = asked.work / name
    work.mkdir(parents=True, exist_ok=True)
    found: Dict[str, Any] = {"step": "build"}

    def keep(**more: Any) -> None:
        found.update(more)
        (work / "result.json").write_text(json.dumps(found))

    keep()
    from paddleseg_u2net.env import load_paddle

    load_paddle()
    import paddle

    from paddleseg_u2net.commands import main

    def command(step: str, *words: Any) -> None:
        keep(step=step)
        print(f"== {step}", flush=True)
        # Some of PaddleSeg's networks name their parameters, which goes once in a process.
        with paddle.utils.unique_name.guard():
            if main(step, [str(word) for word in words]):
                sys.exit(1)

    with paddle.utils.unique_name.guard():
        heads = count_heads(configuration(name, asked), asked.size)
    keep(heads=heads)
    path, run, exported = work / "config.yml", work / "run", work / "exported"
    path.write_text(yaml.safe_dump(configuration(name, asked, heads[0]), sort_keys=False))
    often = ["--save_interval", asked.iters, "--log_iters", 1]
    command("train", "--config", path, "--save_dir", run, *often)
    model = run / f"iter_{asked.iters}"
    command("val", "--model_path", model, "--json", work / "scores.json")
    keep(mIoU=json.loads((work / "scores.json").read_text())["mIoU"])
    line = (asked.dataset_root / "val_list.txt").read_text().split()[0]
    image = asked.dataset_root / line
    command("predict", "--model_path", model, "--image_path", image, "--save_dir", work / "maps")
    words = ["--model_path", model, "--save_dir", exported, "--format", asked.format]
    command("export", *words)
    made = json.loads((exported / "description.json").read_text())
    keep(largest=made["compared"]["largest"], shape=made["shape"], step="done")
    keep(logits=made["compared"].get("logits"))
    keep(memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def count_heads(tree: Dict[str, Any], size: int) -> List[int]:
    """The number of outputs in training and in evaluation."""
    import paddle

    from paddleseg_u2net.config import Config

    model, counts = Config(tree, training=False).model(), []
    images = paddle.randn([2, 3, size, size])
    for mode in (model.train, model.eval):
        mode()
        with paddle.no_grad():
            counts.append(len(model(images)))
    return counts


def row(name: str, result: Dict[str, Any]) -> str:
    losses, backbone = result.get("losses") or [], NETWORKS[name].get("backbone", {})
    heads = result.get("heads")
    cells = [
        name,
        backbone.get("type", ""),
        f"{heads[0]} / {heads[1]}" if heads else "",
        f"{losses[0]:.3f} -> {losses[-1]:.3f}" if losses else "",
        f"{result['mIoU']:.3f}" if "mIoU" in result else "",
        difference(result),
        result.get("problem", "").partition("; ")[0][:200],
    ]
    return f"| {' | '.join(cells)} |"


def difference(result: Dict[str, Any]) -> str:
    """Of probabilities, or where all are 0 or 1 of logits as a share of their deviation."""
    if "largest" not in result:
        return ""
    count, _, height, width = result["shape"]
    sizes = "any size" if height is None else f"{width}x{height}" + (", one image" if count else "")
    found = f"{result['largest']:.1e}"
    if result.get("logits") is not None:
        found = f"{result['logits']:.1e} of logits"
    return f"{found} ({sizes})"


def measured(name: str, asked: argparse.Namespace) -> Dict[str, Any]:
    """The result of one architecture, in a process of its own."""
    work = asked.work / name
    work.mkdir(parents=True, exist_ok=True)
    (work / "result.json").unlink(missing_ok=True)
    shutil.rmtree(work / "run", ignore_errors=True)
    with (work / "log.txt").open("w") as log:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--one", name], stdout=log, stderr=log
        )
    shutil.rmtree(work / "run", ignore_errors=True)
    text = (work / "log.txt").read_text(errors="replace")
    result: Dict[str, Any] = json.loads((work / "result.json").read_text())
    result["losses"] = [float(value) for value in LOSS.findall(text)]
    if done.returncode:
        said = ERROR.findall(text) or [f"ended with {done.returncode}"]
        reason = said[-1].removeprefix("Error: ").removeprefix(f"{work / 'exported'}: ")
        result["problem"] = f"{result['step']}: {reason}"
    return result


def main() -> int:
    asked = arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    if asked.dataset_root is None:
        asked.dataset_root = draw(asked.work / "drawings")
    asked.dataset_root = asked.dataset_root.resolve()
    if asked.one:
        try:
            run_one(asked.one, asked)
        except Exception:
            traceback.print_exc()
            return 1
        return 0
    kept = asked.work / "results.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    names = asked.names or list(NETWORKS)
    print("| architecture | backbone | heads | loss | mIoU | ONNX | in the way |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in names:
        if name not in results or asked.again:
            results[name] = measured(name, asked)
            kept.write_text(json.dumps(results, indent=1))
        print(row(name, results[name]), flush=True)
    return 1 if any("problem" in results[name] for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
