"""Methods and sets from folders and from YAML files."""

from __future__ import annotations

from pathlib import Path

import pytest

from paddleseg_u2net.evaluation.plan import DataSet, PlanError, from_folders, from_yaml


def refused(call, *parts):
    with pytest.raises(PlanError) as error:
        call()
    for part in parts:
        assert part in str(error.value)


def test_a_folder_gives_its_name():
    (job,) = from_folders(["maps/u2net"], ["data/masks"], "_sal", mask_suffix="_gt")
    assert (job.method, job.dataset) == ("u2net", "masks")
    assert job.map_dir == Path("maps/u2net") and job.map_suffix == "_sal"
    assert job.truth == DataSet(gt_dir=Path("data/masks"), mask_suffix="_gt")


def test_a_folder_that_has_an_equals_sign(tmp_path):
    folder = tmp_path / "lr=0.1"
    folder.mkdir()
    one, two = from_folders([str(folder), "A=maps/x=y"], ["SOD=gt"])
    assert (one.method, one.map_dir) == ("lr=0.1", folder)
    assert (two.method, two.dataset, two.map_dir) == ("A", "SOD", Path("maps/x=y"))


def test_several_methods_on_several_sets_by_subfolders():
    jobs = from_folders(["A=a", "B=b"], ["S=s", "T=t"])
    assert [(j.dataset, j.method, str(j.map_dir), str(j.truth.gt_dir)) for j in jobs] == [
        ("S", "A", "a/S", "s"),
        ("S", "B", "b/S", "s"),
        ("T", "A", "a/T", "t"),
        ("T", "B", "b/T", "t"),
    ]


@pytest.mark.parametrize("option", ["list", "points_dir", "density_dir", "image_dir"])
def test_with_several_sets_a_folder_of_one_of_them_is_refused(option):
    refused(
        lambda: from_folders(["A=a"], ["S=s", "T=t"], **{option: Path("x")}),
        f"--{option}: with several --gt_dir",
        "--config",
    )
    assert len(from_folders(["A=a"], ["S=s", "T=t"], mask_suffix="_gt")) == 2


def test_one_name_for_two():
    refused(
        lambda: from_folders(["x/maps", "y/maps"], ["gt"]),
        "--pred_dir: x/maps and y/maps would both be called maps",
        "--pred_dir first=x/maps second=y/maps",
    )
    refused(lambda: from_folders(["maps"], ["x/gt", "y/gt"]), "--gt_dir: x/gt and y/gt")


@pytest.mark.parametrize("text", ["", "A=", "=maps", " "])
def test_an_empty_path_is_not_this_folder(text):
    """As when a variable of the shell is not set."""
    refused(lambda: from_folders([text], ["gt"]), "--pred_dir: expected PATH or NAME=PATH", text)


def plan(tmp_path, text):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    return lambda: from_yaml(path)


def test_yaml(tmp_path):
    jobs = plan(
        tmp_path,
        "datasets:\n"
        "  ECSSD: {gt_dir: e/masks, image_dir: e/images, list: e/list.txt, mask_suffix: _gt}\n"
        "  2019: {points_dir: p, density_dir: d}\n"
        "  SOD: s/masks\n"
        "methods:\n"
        "  U2NetP: maps/u2netp/{dataset}\n"
        "  DSS: {maps: 'maps/{dataset}/dss', map_suffix: _DSS}\n",
    )()
    assert [(j.dataset, j.method, str(j.map_dir), j.map_suffix) for j in jobs] == [
        ("ECSSD", "U2NetP", "maps/u2netp/ECSSD", ""),
        ("ECSSD", "DSS", "maps/ECSSD/dss", "_DSS"),
        ("2019", "U2NetP", "maps/u2netp/2019", ""),
        ("2019", "DSS", "maps/2019/dss", "_DSS"),
        ("SOD", "U2NetP", "maps/u2netp/SOD", ""),
        ("SOD", "DSS", "maps/SOD/dss", "_DSS"),
    ]
    assert jobs[0].truth == DataSet(
        gt_dir=Path("e/masks"),
        image_dir=Path("e/images"),
        list=Path("e/list.txt"),
        mask_suffix="_gt",
    )
    assert jobs[2].truth.truths() == {"points": Path("p"), "density": Path("d")}
    assert jobs[4].truth == DataSet(gt_dir=Path("s/masks"))


def test_one_set_needs_no_placeholder(tmp_path):
    (job,) = plan(tmp_path, "datasets: {S: gt}\nmethods: {A: maps}\n")()
    assert job.map_dir == Path("maps")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[", "expected a YAML file"),
        ("7", "got 7"),
        ("datasets: {S: gt}\nmethods: {A: a}\nmore: 1", "got ['datasets', 'methods', 'more']"),
        ("datasets: [gt]\nmethods: {A: a}", "datasets: expected the form"),
        ("datasets: {S: gt}\nmethods: {}", "methods: expected the form"),
        ("datasets: {S: 7}\nmethods: {A: a}", "datasets.S: expected the form"),
        ("datasets: {S: {gt_dir: gt, mask: gt}}\nmethods: {A: a}", "'mask': 'gt'}"),
        ("datasets: {S: {gt_dir: null, list: l}}\nmethods: {A: a}", "datasets.S"),
        ("datasets: {S: {gt_dir: [a]}}\nmethods: {A: a}", "got {'gt_dir': ['a']}"),
        ("datasets: {S: {gt_dir: ' '}}\nmethods: {A: a}", "datasets.S"),
        ("datasets: {S: gt}\nmethods: {A: [a]}", "got {'maps': ['a']}"),
        ("datasets: {S: gt}\nmethods: {A: {maps: ''}}", "methods.A"),
        ("datasets: {S: gt}\nmethods: {A: {maps: {T: a}}}", "methods.A"),
        ("datasets: {S: gt}\nmethods: {A: {maps: a, end: b}}", "'end': 'b'}"),
        ("datasets: {S: gt, T: gt}\nmethods: {A: a}", "methods.A"),
        ("datasets: {S/T: gt}\nmethods: {A: a}", "datasets: expected a name without slashes"),
        ("datasets: {S: gt}\nmethods: {../A: a}", "methods: expected a name without slashes"),
    ],
)
def test_yaml_of_another_form(tmp_path, text, part):
    refused(plan(tmp_path, text), f"{tmp_path / 'plan.yaml'}: ", part)
