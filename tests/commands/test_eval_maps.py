"""``tools/eval_maps.py`` as users meet it: folders in, tables and files out, errors by name."""

from __future__ import annotations

import csv
import html
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from paddleseg_u2net.commands import main
from paddleseg_u2net.metrics import PRESETS, SCORES, MetricReport, make_conventions
from paddleseg_u2net.render import charts
from tests.evaluation.drawn import SHAPE, blob, grey, save, spots

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path):
    """Four images: masks in gt, noise in A and better maps in B."""
    for seed in range(4):
        save(tmp_path / f"gt/{seed}.png", blob(seed))
        save(tmp_path / f"A/{seed}.png", grey(seed + 99))
        save(tmp_path / f"B/{seed}.png", blob(seed) // 2 + grey(seed) // 3)
    return tmp_path


def by_hand(folder, names, preset="pysodmetrics", seeds=range(4)):
    chosen = make_conventions(preset)
    report = MetricReport(1, names=names, conventions=chosen)
    for seed in seeds:
        prediction = np.array(Image.open(folder / f"{seed}.png"))
        report.update_map(prediction, blob(seed) > chosen.mask_above)
    return report


def words(data, *more, maps=("A",), truth="gt"):
    folders = [f"--pred_dir={name}={data / name}" for name in maps]
    return [*folders, f"--gt_dir=S={data / truth}", "--workers=0", *map(str, more)]


def scored(data, *more, **folders):
    """The JSON file of a run that ends well."""
    path = data / "out.json"
    assert main("eval_maps", [*words(data, *more, **folders), f"--json={path}"]) == 0
    return strict(path)


def strict(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def fails(capsys, arguments, *parts, out=""):
    """Exit code 1, or 2 of a wrong command line; every part in the error, no scores."""
    try:
        code = main("eval_maps", list(map(str, arguments)))
    except SystemExit as error:
        code = error.code
    captured = capsys.readouterr()
    assert code in (1, 2)
    for part in parts:
        assert str(part) in captured.err, captured.err
    assert captured.out == out
    return captured.err


def test_json_table_and_csv_are_the_report_fed_by_hand(data, capsys):
    one = data / "rows.csv"
    table = data / "table.csv"
    tree = scored(data, "--metrics", "all", "--per_image", one, "--csv", table, "--digits", 5)
    report = by_hand(data / "A", ["all"])
    expected = report.compute()
    found = tree["results"][0]
    assert found["method"] == "A" and found["dataset"] == "S"
    assert found["map_dir"] == str(data / "A")
    assert found["ground_truth"] == {"mask": str(data / "gt")}
    assert found["scores"]["images"] == 4
    for key in expected:
        if key == "sAUC" or key.startswith("class_"):
            continue  # of which the hand gave no other images; of which there are several
        assert found["scores"][key] == pytest.approx(expected[key], abs=1e-12), key
    shown = capsys.readouterr().out
    for key in ("MAE", "S", "wF", "relaxF", "EMD"):
        assert f"{expected[key]:.5f}" in shown
    assert "Conventions: pysodmetrics (" in shown and "Scored: 4 images of S by A." in shown
    (cells,) = csv.DictReader(table.read_text().splitlines())
    assert (cells["dataset"], cells["method"]) == ("S", "A")
    assert float(cells["MAE"]) == found["scores"]["MAE"]
    rows = list(csv.DictReader(one.read_text().splitlines()))
    assert [(row["dataset"], row["method"], row["name"]) for row in rows] == [
        ("S", "A", str(seed)) for seed in range(4)
    ]
    for key in ("MAE", "S", "wF"):
        mean = np.mean([float(row[key]) for row in rows])
        assert mean == pytest.approx(found["scores"][key], abs=1e-12)
    curves = found["curves"]
    assert set(curves) == {"PR", "F", "E", "ROC"}
    assert curves["F"]["y"] == pytest.approx(report.curves()["F"][1].tolist(), abs=1e-12)


def test_json_without_numbers_is_strict_too(data, capsys):
    for seed in range(4):
        save(data / f"gt/{seed}.png", np.zeros(SHAPE, np.uint8))
    page = data / "page.html"
    tree = scored(data, "--metrics=all", "--conventions=empty_masks=leave_out", "--html", page)
    found = tree["results"][0]
    assert found["scores"]["MAE"] is None and found["curves"]["PR"]["x"][0] is None
    assert found["without_object_left_out"] == 4 and found["undefined"]["NSS"] == 4
    out = capsys.readouterr().out
    assert "4 of 4 images have no object and are left out of the saliency and boundary" in out
    assert "not defined for some of 4 images: " in out


def test_several_methods_and_sets(data, capsys):
    for method in ("A", "B"):
        for name in ("S", "T"):
            for seed in range(4):
                picture = Image.open(data / method / f"{seed}.png")
                save(data / f"maps/{method}/{name}/{seed}.png", picture)
    maps = [f"A={data}/maps/A", f"{data}/maps/B"]
    sets = [f"S={data}/gt", f"T={data}/gt"]
    names = ["--metrics", "MAE", "S", "--workers", "0", "--json"]
    first = ["--pred_dir", *maps, "--gt_dir", sets[0], "--gt_dir", sets[1], *names, data / "1.json"]
    assert main("eval_maps", list(map(str, first))) == 0
    results = strict(data / "1.json")["results"]
    assert [(r["dataset"], r["method"]) for r in results] == [
        (name, method) for name in "ST" for method in "AB"
    ]
    for result in results:
        expected = by_hand(data / result["method"], ["MAE", "S"]).values()
        assert result["scores"]["S"] == pytest.approx(expected["S"], abs=1e-12)
    out = capsys.readouterr().out
    assert re.search(r"^S\nmethod +MAE ↓ +S ↑\n", out) and "\n\nT\nmethod" in out


def test_one_list_of_names(data, capsys):
    (data / "list.txt").write_text("2\n0.png\n")
    tree = scored(data, "--list", data / "list.txt", "--metrics", "MAE")
    expected = by_hand(data / "A", ["MAE"], seeds=[0, 2]).values()["MAE"]
    assert tree["results"][0]["scores"]["MAE"] == pytest.approx(expected, abs=1e-12)
    assert "2 images of S by A" in capsys.readouterr().out


def test_endings_of_names(data):
    for seed in range(4):
        (data / f"A/{seed}.png").rename(data / f"A/{seed}_sal.png")
        (data / f"gt/{seed}.png").rename(data / f"gt/{seed}_GT.png")
    tree = scored(data, "--map_suffix=_sal", "--mask_suffix=_gt", "--metrics=MAE")
    assert tree["results"][0]["scores"]["images"] == 4


def test_each_output_has_the_columns_that_it_has_room_for(data, capsys):
    outputs = {kind: data / f"t.{kind}" for kind in ("csv", "html", "tex", "md")}
    flags = ["--csv", outputs["csv"], "--html", outputs["html"], "--latex", outputs["tex"]]
    scored(data, *flags, "--markdown", outputs["md"], maps=("A", "B"))
    families = ("segmentation", "saliency", "boundary")
    computed = [key for key, score in SCORES.items() if score.family in families]
    with outputs["csv"].open() as file:
        assert next(csv.reader(file)) == ["dataset", "method", *computed]
    page = outputs["html"].read_text()
    assert all(f"<button>{SCORES[key].key.replace('_', ' ')} " in page for key in computed)
    head = r"method & MAE $\downarrow$ & maxF $\uparrow$ & wF $\uparrow$ & S $\uparrow$ & meanE $"
    assert head in outputs["tex"].read_text()
    assert "| method | MAE ↓ | maxF ↑ | wF ↑ | S ↑ | meanE ↑ |" in outputs["md"].read_text()
    for kind in ("tex", "md"):
        assert "\nConventions: pysodmetrics (" in outputs[kind].read_text().replace("% ", "")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines()[:7])) <= 80
    assert "16 more scores: --metrics all" in out and out.count("method") == 1


def test_one_figure_of_precision_and_recall(data, capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr(charts, "save", lambda figure, path: drawn.append((figure, path)))
    arguments = words(data, "--metrics=maxF", f"--pr={data / 'pr.pdf'}", maps=("A", "B"))
    assert main("eval_maps", arguments) == 0
    assert main("eval_maps", [*arguments, "--pr_limits", "0.1", "0.9", "0.5", "1"]) == 0
    ((first, path), (second, _)) = drawn
    (axes,) = first.axes
    assert path == data / "pr.pdf" and axes.get_title() == "S"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("recall", "precision")
    recall, precision = by_hand(data / "A", ["maxF"]).curves()["PR"]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), np.stack([recall, precision], axis=1))
    lowest = min(line.get_ydata().min() for line in axes.lines)
    assert axes.get_xlim() == (0, 1) and lowest - 0.1 <= axes.get_ylim()[0] <= lowest
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    assert second.axes[0].get_xlim() == (0.1, 0.9) and second.axes[0].get_ylim() == (0.5, 1)


def test_page_with_the_worst_and_best_images_and_escaped_names(data):
    for folder in ("gt", "A"):
        (data / folder / "0.png").rename(data / folder / "<b>&0.png")
    save(data / "photographs/1.png", np.full((*SHAPE, 3), 77, np.uint8))
    page, rows = data / "page.html", data / "rows.csv"
    arguments = [f"--pred_dir=<i>A={data / 'A'}", f"--gt_dir=S&T={data / 'gt'}", "--workers=0"]
    arguments += ["--gallery=2", "--metrics=S", f"--image_dir={data / 'photographs'}"]
    assert main("eval_maps", [*arguments, f"--html={page}", f"--per_image={rows}"]) == 0
    text = page.read_text()
    scores = {r["name"]: float(r["S"]) for r in csv.DictReader(rows.read_text().splitlines())}
    ordered = sorted(scores, key=lambda name: scores[name])
    shown = re.findall(r'<h3>(\w+)</h3>|<p class="sample">(.*): S ↑? ?([\d.]+)</p>', text)
    expected = [("Worst", "", ""), *ordered[:2], ("Best", "", ""), *ordered[:1:-1]]
    assert len(shown) == 6
    for found, name in zip(shown, expected):
        if isinstance(name, tuple):
            assert found == name
        else:
            assert html.unescape(found[1]) == name and found[2] == f"{scores[name]:.3f}"
    assert "&lt;i&gt;A" in text and "S&amp;T" in text and "&lt;b&gt;&amp;0" in text
    assert "<i>A" not in text and "<b>&" not in text
    assert text.count("<figcaption>image</figcaption>") == 1


def test_processes_and_the_order_of_the_disk_change_no_byte(tmp_path, monkeypatch):
    for seed in range(35):  # three chunks
        save(tmp_path / f"gt/{seed}.png", blob(seed))
        save(tmp_path / f"A/{seed}.png", grey(seed + 99))
        save(tmp_path / f"points/{seed}.png", spots(seed))
    rest = ["--points_dir", tmp_path / "points", "--metrics", "saliency", "mIoU", "sAUC", "NSS"]
    texts = []
    for workers in (0, 2):
        path = tmp_path / f"{workers}.json"
        more = [*rest, "--workers", workers, "--json", path]
        assert main("eval_maps", words(tmp_path, *more)) == 0
        texts.append(path.read_bytes())
    plain = os.walk

    def backwards(*arguments, **options):
        for root, folders, names in plain(*arguments, **options):
            yield root, folders, names[::-1]

    monkeypatch.setattr(os, "walk", backwards)
    assert main("eval_maps", words(tmp_path, *rest, "--json", tmp_path / "b.json")) == 0
    texts.append((tmp_path / "b.json").read_bytes())
    assert len(set(texts)) == 1
    scores = json.loads(texts[0])["results"][0]["scores"]
    assert scores["images"] == 35 and 0.3 < scores["sAUC"] < 0.7


@pytest.mark.parametrize(("folder", "kind"), [("gt", "mask"), ("A", "map")])
def test_names_without_a_counterpart(data, capsys, folder, kind):
    (data / folder / "1.png").unlink()
    (data / folder / "3.png").unlink()
    error = fails(capsys, words(data), f"has no {kind} for 2 of 4 names: 1, 3")
    assert "--allow_missing" in error
    tree = scored(data, "--allow_missing", "--metrics", "MAE")
    assert tree["results"][0]["missing"] == ["1", "3"]
    expected = by_hand(data / "A", ["MAE"], seeds=[0, 2]).values()["MAE"]
    assert tree["results"][0]["scores"]["MAE"] == pytest.approx(expected, abs=1e-12)
    assert "A on S: 2 left out, no counterpart: 1, 3." in capsys.readouterr().out


OUTPUTS = ("json", "csv", "per_image", "latex", "markdown", "html")


def bad_file(path, kind):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "nan":
        path.unlink()
        np.save(path.with_suffix(".npy"), np.full(SHAPE, np.nan, np.float32))
    else:
        save(path, np.dstack([grey(1), grey(2), grey(3)]))


@pytest.mark.parametrize(
    ("folder", "kind", "part"),
    [
        ("A", "empty", "empty"),
        ("A", "nan", "NaN"),
        ("A", "colours", "expected grey values"),
        ("gt", "colours", "expected grey values"),
        ("gt", "empty", "empty"),
    ],
)
def test_a_bad_file_stops_the_run_and_is_skipped_on_demand(data, capsys, folder, kind, part):
    bad_file(data / folder / "2.png", kind)
    targets = [f"--{key}={data / 'out' / key}" for key in OUTPUTS] + [f"--curves={data / 'out/c'}"]
    error = fails(capsys, words(data, *targets), f"A on S: {data / folder}/2.", part)
    assert "Error: 1 of 4 maps could not be scored" in error and "--skip_bad" in error
    assert not (data / "out").exists()
    tree = scored(data, "--skip_bad", "--metrics", "MAE")
    captured = capsys.readouterr()
    assert "A on S: 1 left out, could not be scored: 2." in captured.out
    assert f"{data / folder}/2." in captured.err
    (kept,) = tree["results"]
    assert [error["name"] for error in kept["errors"]] == ["2"]
    expected = by_hand(data / "A", ["MAE"], seeds=[0, 1, 3]).values()["MAE"]
    assert kept["scores"]["MAE"] == pytest.approx(expected, abs=1e-12)


def test_nothing_but_bad_files(data, capsys):
    for seed in range(4):
        (data / f"A/{seed}.png").write_bytes(b"")
    for more in ([], ["--skip_bad"]):
        error = fails(capsys, words(data, *more, maps=("A", "B")), "Error: 4 of 8 maps")
        assert "nothing is left of A on S" in error
        assert all(str(data / f"A/{seed}.png") in error for seed in range(4))


def test_soft_masks_and_labels_are_told(data, capsys):
    save(data / "gt/0.png", np.maximum(blob(0) // 2, 50))
    save(data / "gt/1.png", np.maximum(blob(1), 50))
    save(data / "gt/2.png", blob(2) // 255)
    tree = scored(data, "--metrics", "MAE")
    out = capsys.readouterr().out
    assert "1 of 4 masks are grey and have no pixel above 128, so that no object is left: 0." in out
    assert "1 of 4 masks are soft and were cut: 1." in out
    assert "1 of 4 masks hold 0 and 1, read as labels: 2." in out
    assert len(tree["results"][0]["notes"]) == 3


def test_outputs_that_cannot_be_written_are_told_at_once(data, capsys):
    (data / "file").write_text("mine")
    with mock.patch("paddleseg_u2net.evaluation.evaluate.score", side_effect=AssertionError):
        fails(capsys, words(data, "--json", data / "file/x.json"), "--json", "is a file")
        fails(capsys, words(data, "--curves", data / "file"), "--curves", "is a file")
        fails(capsys, words(data, "--html", data / "gt"), "--html", "found a folder")
        twice = words(data, "--csv", data / "x", "--per_image", data / "x")
        fails(capsys, twice, "--csv and --per_image would both be written here")
        points = words(data, "--pr", data / "pr.png", "--metrics", "MAE")
        fails(capsys, points, "--pr: none of the scores has this curve")
        save(data / "photos/other.png", grey(1))
        photos = words(data, f"--image_dir={data / 'photos'}", f"--html={data / 'page.html'}")
        fails(capsys, photos, "photographs named as the maps, such as 0")
        curves = words(data, "--curves", data / "c", "--metrics", "MAE")
        fails(capsys, curves, "--curves: none of the scores has a curve")
        with mock.patch("os.access", return_value=False):
            fails(capsys, words(data, "--json", data / "new/x"), f"{data} takes no files")
    assert (data / "file").read_text() == "mine" and not (data / "new").exists()


@pytest.fixture
def looks(data):
    """Points as pictures and as lists, and densities, beside the masks."""
    for seed in range(4):
        save(data / f"points/{seed}.png", spots(seed))
        rows = "".join(f"{x},{y}\n" for y, x in np.argwhere(spots(seed)))
        (data / "lists").mkdir(exist_ok=True)
        (data / f"lists/{seed}.csv").write_text("x,y\n" + rows)
        save(data / f"density/{seed}.png", grey(seed + 7))
    return data


def fixation_words(data, *more):
    return [f"--pred_dir=A={data / 'A'}", "--workers=0", *map(str, more)]


def fixation_scores(data, *more):
    path = data / "out.json"
    assert main("eval_maps", [*fixation_words(data, *more), f"--json={path}"]) == 0
    return strict(path)["results"][0]["scores"]


def test_points_as_pictures_and_as_lists(looks):
    found = fixation_scores(looks, "--points_dir", looks / "points")
    assert set(found) == {"images", "AUC_Judd", "AUC_Borji", "sAUC", "NSS"}
    assert fixation_scores(looks, "--points_dir", looks / "lists") == found


def test_densities_and_points_that_are_spread(looks):
    density = ["--density_dir", looks / "density"]
    assert set(fixation_scores(looks, *density)) == {"images", "CC", "SIM", "KLD", "EMD"}
    both = fixation_scores(looks, *density, "--points_dir", looks / "points")
    assert len(both) == 9
    spread = fixation_scores(looks, "--points_dir", looks / "points", "--sigma", 2)
    assert len(spread) == 9 and spread["CC"] != both["CC"]


def test_a_score_without_its_ground_truth_says_what_to_give(looks, capsys):
    points, density = ("--points_dir", looks / "points"), ("--density_dir", looks / "density")
    wanted = fixation_words(looks, *points, "--metrics", "NSS", "CC")
    fails(capsys, wanted, "--metrics CC: expected --density_dir, or --points_dir and --sigma")
    wanted = fixation_words(looks, *density, "--metrics", "NSS")
    fails(capsys, wanted, "--metrics NSS: expected --points_dir", "of this kind for all: density")
    fails(
        capsys, fixation_words(looks, *points, "--metrics", "S"), "--metrics S: expected --gt_dir"
    )
    wanted = fixation_words(looks, *points, "--metrics", "saliency")
    fails(capsys, wanted, "--metrics saliency: expected --gt_dir, --points_dir or")


def test_sets_without_fixations_are_not_compared_by_them(looks, capsys):
    plan = looks / "plan.yaml"
    sets = f"S: {{gt_dir: {looks}/gt, points_dir: {looks}/points}}, T: {looks}/gt"
    plan.write_text(f"datasets: {{{sets}}}\nmethods: {{A: '{looks}/{{dataset}}'}}\n")
    for name in "ST":
        (looks / name).symlink_to(looks / "A")
    arguments = ["--config", plan, "--workers", "0"]
    fails(capsys, [*arguments, "--metrics", "NSS"], "--metrics NSS: expected --points_dir for all")
    out = looks / "o.json"
    assert main("eval_maps", [*map(str, arguments), "--metrics", "all", "--json", str(out)]) == 0
    assert not {"NSS", "CC"} & set(strict(out)["definitions"])
    sets = f"S: {looks}/gt, T: {{points_dir: {looks}/points}}"
    plan.write_text(f"datasets: {{{sets}}}\nmethods: {{A: '{looks}/{{dataset}}'}}\n")
    capsys.readouterr()
    fails(capsys, arguments, "no score fits all sets", "for all: nothing")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(data, preset, capsys):
    save(data / "gt/0.png", np.maximum(blob(0), 100))
    report = MetricReport(1, names=["saliency"], conventions=PRESETS[preset])
    for seed in range(4):
        mask = np.array(Image.open(data / f"gt/{seed}.png")) > PRESETS[preset].mask_above
        report.update_map(grey(seed + 99), mask)
    tree = scored(data, "--preset", preset, "--metrics", "saliency")
    assert tree["conventions"]["preset"] == preset
    for key, value in report.values().items():
        assert tree["results"][0]["scores"][key] == pytest.approx(value, abs=1e-12)
    assert f"Conventions: {preset} (" in capsys.readouterr().out


def test_changed_conventions_are_named(data, capsys):
    tree = scored(
        data, "--metrics=maxF", "--conventions", "beta2=1", "--conventions", "stretch=none"
    )
    assert tree["conventions"]["beta2"] == 1 and tree["conventions"]["stretch"] == "none"
    plain = scored(data, "--metrics=maxF")["results"][0]["scores"]
    assert tree["results"][0]["scores"]["maxF"] != plain["maxF"]
    out = capsys.readouterr().out
    assert "with" in out and "beta2=1" in out


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("gamma=1", ["there is no gamma", "mask_above", "weighted_beta2"]),
        ("stretch", ["expected KEY=VALUE beside --preset, got 'stretch'"]),
        ("mask_above=[", ["mask_above", "'['"]),
        ("preset=matlab", ["--preset"]),
    ],
)
def test_wrong_conventions(data, capsys, change, parts):
    fails(capsys, words(data, "--conventions", change), *parts)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "expected --pred_dir and --gt_dir"),
        (["--pred_dir", "a"], "expected --pred_dir and --gt_dir"),
        (["--config", "x", "--gt_dir", "a"], "--gt_dir: with --config"),
        (["--pred_dir", "a", "--gt_dir", "b", "--workers=-1"], "--workers"),
        (["--pred_dir", "a", "--gt_dir", "b", "--digits=13"], "--digits"),
        (["--pred_dir", "a", "--gt_dir", "b", "--gallery=0"], "--gallery"),
        (["--pred_dir", "a", "--points_dir", "b", "--sigma=nan"], "--sigma"),
        (["--pred_dir", "a", "--gt_dir", ""], "--gt_dir: expected PATH or NAME=PATH"),
        (["--pr_limits", "0", "1", "0", "1"], "expected --pr"),
        (["--pr", "a.png", "--pr_limits", "0.5", "0.5", "0", "1"], "--pr_limits: expected two"),
    ],
)
def test_wrong_command_lines(capsys, arguments, part):
    fails(capsys, arguments, part)


def test_the_script_needs_neither_paddle_nor_matplotlib(data):
    code = (
        f"import sys, runpy; sys.argv = ['eval_maps.py', *{words(data, '--metrics', 'all')!r}]\n"
        f"try: runpy.run_path({str(ROOT / 'tools/eval_maps.py')!r}, run_name='__main__')\n"
        "except SystemExit as error: assert error.code == 0\n"
        "names = {'paddle', 'paddleseg', 'matplotlib', 'scipy', 'jinja2', 'torch'}\n"
        "assert not names & set(sys.modules), names & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "Scored: 4 images" in done.stdout


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("row", "maps", "masks"),
    [
        ("ecssd_300, u2netp", "oracles/ecssd_u2netp_maps", "data/ecssd_300/ground_truth_mask"),
        ("sod_matlab_dss", "oracles/sod_matlab_dss/maps", "oracles/sod_matlab_dss/masks"),
    ],
)
def test_values_of_pysodmetrics(shared, tmp_path, row, maps, masks):
    text = (shared / "README.md").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {row} |"))
    expected = [float(cell) for cell in line.split("|")[2:-1]]
    keys = ["MAE", "maxF", "meanF", "adpF", "wF", "S", "maxE", "meanE", "adpE", "maxF_paper"]
    path = tmp_path / "out.json"
    folders = [f"--pred_dir={shared / maps}", f"--gt_dir={shared / masks}"]
    arguments = [*folders, "--preset=pysodmetrics", "--metrics=saliency", f"--json={path}"]
    assert main("eval_maps", [*arguments, "--workers=2"]) == 0
    scores = strict(path)["results"][0]["scores"]
    assert scores["images"] == 300
    assert [scores[key] for key in keys] == pytest.approx(expected, abs=5.001e-6)


@pytest.mark.realdata
def test_values_of_the_matlab_code(shared, tmp_path):
    loadmat = pytest.importorskip("scipy.io").loadmat
    folder = shared / "oracles/sod_matlab_dss"
    matlab = loadmat(folder / "DSS.mat", squeeze_me=True)
    path = tmp_path / "out.json"
    folders = [f"--pred_dir=DSS={folder / 'maps'}", f"--gt_dir=SOD={folder / 'masks'}"]
    names = ["--metrics", "MAE", "S", "adpF", "maxF_paper"]
    arguments = [*folders, *names, "--preset=matlab", f"--json={path}", "--workers=2"]
    assert main("eval_maps", arguments) == 0
    scores = strict(path)["results"][0]["scores"]
    expected = {
        "MAE": matlab["MAE"],
        "S": matlab["S_measure"],
        "adpF": matlab["mean_Fmeasure"][2],
        "maxF_paper": matlab["MaxFmeasure"],
    }
    for key, value in expected.items():
        assert math.isclose(scores[key], value, rel_tol=0, abs_tol=1e-9), key


def test_a_method_need_not_have_maps_of_every_set(data, capsys):
    plan = data / "plan.yml"
    plan.write_text(
        f"datasets: {{One: {data / 'gt'}, Two: {data / 'gt'}}}\n"
        f"methods:\n  A: {{One: {data / 'A'}}}\n"
        f"  B: {{maps: {{Two: {data / 'B'}, One: {data / 'B'}}}}}\n"
    )
    path = data / "out.json"
    assert main("eval_maps", ["--config", str(plan), "--workers=0", f"--json={path}"]) == 0
    found = {(r["dataset"], r["method"]): r["scores"]["S"] for r in strict(path)["results"]}
    assert list(found) == [("One", "A"), ("One", "B"), ("Two", "B")]
    assert found["One", "B"] == found["Two", "B"] == by_hand(data / "B", ["S"]).values()["S"]
    assert "* the best of its set" in capsys.readouterr().out


def test_maps_and_masks_in_each_others_place_are_told(data, capsys):
    assert main("eval_maps", words(data, maps=["gt"], truth="A")) == 0
    assert "did maps and masks change places?" in capsys.readouterr().out


def test_objects_that_stand_for_fixations_are_told(data, looks, capsys):
    scored(data, "--metrics", "NSS", "MAE")
    assert "no fixations are given; in their scores the objects stand" in capsys.readouterr().out
    scored(data, "--metrics", "MAE")
    assert "no fixations are given" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flag", "name", "ends"),
    [
        ("--csv", "t.xlsx", ".csv"),
        ("--per_image", "t.json", ".csv"),
        ("--json", "t.csv", ".json"),
        ("--html", "t.pdf", ".html"),
        ("--latex", "t.pdf", ".tex"),
        ("--markdown", "t.docx", ".md"),
        ("--pr", "t.svg", ".pdf or .png"),
    ],
)
def test_a_file_of_another_kind_is_refused(data, capsys, flag, name, ends):
    error = fails(capsys, words(data, flag, data / name), f"argument {flag}", ends, data / name)
    assert len(error.splitlines()) == 1 and not (data / name).exists()


def test_a_reader_who_leaves_early_loses_no_file(data):
    """As with `| head -1`, where the output is larger than a pipe's buffer or nobody reads it."""
    table, curves = data / "t.csv", data / "curves"
    arguments = words(data, f"--csv={table}", f"--curves={curves}")
    command = [sys.executable, str(ROOT / "tools/eval_maps.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait() == 141 and error == b""
    assert table.is_file() and (curves / "S.png").is_file() and (curves / "S.pdf").is_file()
