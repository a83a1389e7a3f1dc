"""Keys of PaddleSeg's files beside data sets and transforms: renamed, left out with a remark, or
refused with the nearest that works.
"""

from __future__ import annotations

from typing import Any, Dict, List

from paddleseg_u2net.config.reading import Tree
from paddleseg_u2net.config.settings import is_number

Lines = List[str]

# Keys that change nothing of the run that is asked for.
_LEFT_OUT = {
    "distill_loss": "read by PaddleSeg's deploy/slim/distill only; its tools/train.py leaves it "
    "out, too",
    "to_static_training": "compiles the same arithmetic; here a step runs as it is",
}
# Flags of tools/train.py, which PaddleSeg 2.8.0 does not read as keys either.
_FLAGS = (
    "device",
    "do_eval",
    "keep_checkpoint_max",
    "log_iters",
    "num_workers",
    "profiler_options",
    "resume_model",
    "save_dir",
    "save_interval",
    "seed",
    "use_ema",
    "use_vdl",
)
_NEAREST = {
    "amp": "half precision is asked for on the command line: --precision fp16 --amp_level O1",
    "profiler": "the profiler is asked for on the command line: --profiler_options",
    "global": "what stands in it are keys at the top here, or flags of tools/train.py",
    "data_format": "networks take NCHW here; delete it",
    "slim": "PaddleSeg's compression is not here; tools/export.py --precision int8 quantises",
}
_POLY = {"power": 0.9, "end_lr": 0.0}


def translate(tree: Tree, said: Lines, faults: Lines) -> None:
    """Take out of ``tree`` what is no key here."""
    for key, why in _LEFT_OUT.items():
        if key in tree:
            del tree[key]
            said.append(f"{key} is left out: {why}")
    for key in _FLAGS:
        if key in tree:
            value = tree.pop(key)
            shown = "" if isinstance(value, bool) else f" {value}"
            said.append(f"{key} is left out, as in PaddleSeg 2.8.0: give the flag --{key}{shown}")
    if tree.get("precision", "fp32") != "fp32":
        level = f" --amp_level {tree['amp_level']}" if "amp_level" in tree else ""
        faults.append(
            f"precision: it is a flag of tools/train.py here; give --precision {tree['precision']}"
            f"{level} and delete it"
        )
    for key in ("precision", "amp_level"):
        tree.pop(key, None)
    for key, nearest in _NEAREST.items():
        if key in tree:
            faults.append(f"{key}: there is no such key here; {nearest}")
            del tree[key]
    _translate_optimizer(tree, said, faults)
    _translate_rate(tree, said, faults)
    _translate_export(tree, said)
    _translate_test(tree, said)


def _translate_optimizer(tree: Tree, said: Lines, faults: Lines) -> None:
    optimizer = tree.get("optimizer")
    if not isinstance(optimizer, dict):
        return
    if str(optimizer.get("type")).startswith("AdamWDL"):
        _translate_layerwise(tree, optimizer, said, faults)
    groups = optimizer.get("custom_cfg")
    for number, group in enumerate(groups if isinstance(groups, list) else ()):
        if not isinstance(group, dict):
            continue  # that is said elsewhere
        for key in [key for key in group if key not in ("name", "lr_mult", "weight_decay_mult")]:
            said.append(
                f"optimizer.custom_cfg.{number}.{key} {group.pop(key)} is left out, as in "
                "PaddleSeg 2.8.0, which knows lr_mult and weight_decay_mult"
            )


def _translate_layerwise(tree: Tree, optimizer: Tree, said: Lines, faults: Lines) -> None:
    """AdamW whose rate is lower from block to block of a transformer, the nearer to the image."""
    kind, model = optimizer["type"], tree.get("model")
    backbone = model.get("backbone") if isinstance(model, dict) else None
    if (
        kind != "AdamWDL_CAE"
        or optimizer.get("weight_decay", 0.01)
        or not isinstance(backbone, dict)
    ):
        faults.append(
            f"optimizer.type: {kind} lowers the rate from layer to layer of one kind of "
            "transformer, which is here for AdamWDL_CAE with weight_decay: 0.0 only; take AdamW, "
            "with custom_cfg: [{name: backbone., lr_mult: 0.1}] for what is to learn slowly"
        )
        return
    decay, depth = optimizer.pop("layerwise_decay", 0.65), backbone.get("depth", 12)
    if not is_number(decay) or type(depth) is not int:
        faults.append(
            "optimizer.layerwise_decay: expected a number, and a whole number as "
            f"model.backbone.depth, got {decay!r} and {depth!r}"
        )
        return
    groups = [
        {"name": f"blocks.{number}.", "lr_mult": decay ** (depth - number)}
        for number in range(depth)
    ]
    groups.append({"name": "embed", "lr_mult": decay ** (depth + 1)})
    others = optimizer.get("custom_cfg")
    others = others if isinstance(others, list) else []
    optimizer.update({"type": "AdamW", "custom_cfg": groups + others})
    said.append(f"optimizer: {kind} -> AdamW with custom_cfg: lr_mult of {depth} blocks")


def _translate_rate(tree: Tree, said: Lines, faults: Lines) -> None:
    """``learning_rate`` of files before PaddleSeg 2.1."""
    if "learning_rate" not in tree:
        return
    rate = tree.pop("learning_rate")
    scheduler = tree.get("lr_scheduler")
    if isinstance(scheduler, dict) and "type" in scheduler:
        said.append("learning_rate is left out, as in PaddleSeg 2.8.0: lr_scheduler says it")
        return
    block = rate if isinstance(rate, dict) else {"value": rate}
    decay = dict(block.get("decay") or {"type": "poly"})
    kind, value = decay.pop("type", "poly"), block.get("value")
    made: Dict[str, Any] = {}
    if kind == "poly":
        made = {"type": "PolynomialDecay", "learning_rate": value, **_POLY, **decay}
    elif kind == "piecewise":
        made = {"type": "PiecewiseDecay", "values": value, **decay}
    elif kind == "stepdecay":
        made = {"type": "StepDecay", "learning_rate": value, **decay}
    if not made or value is None:
        faults.append(
            "learning_rate: expected {value: 0.01, decay: {type: poly, power: 0.9}}, or the newer "
            f"lr_scheduler: {{type: PolynomialDecay, learning_rate: 0.01, ...}}, got {rate!r}"
        )
        return
    tree["lr_scheduler"] = {**made, **(scheduler if isinstance(scheduler, dict) else {})}
    said.append(f"learning_rate -> lr_scheduler: {made['type']}")


def _translate_export(tree: Tree, said: Lines) -> None:
    """``export: {transforms: ...}`` of PaddleSeg's later versions."""
    if "export" not in tree:
        return
    asked, val = tree.pop("export"), tree.get("val_dataset")
    own = asked.get("transforms") if isinstance(asked, dict) else None
    others = own is not None and own != (val.get("transforms") if isinstance(val, dict) else None)
    repair = "; others are asked for by `tools/export.py --opts preprocess.size=[W,H]`"
    said.append(
        "export is left out, as in PaddleSeg 2.8.0: exports have the preprocessing of validation"
        + (repair if others else "")
    )


def _translate_test(tree: Tree, said: Lines) -> None:
    test = tree.get("test_config")
    if not isinstance(test, dict) or "auc_roc" not in test:
        return
    asked = test.pop("auc_roc")
    metrics = tree.get("metrics")
    if asked and isinstance(metrics, list):
        metrics.append("AUC")
    said.append("test_config.auc_roc is left out: AUC is among the scores here")
