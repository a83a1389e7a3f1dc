"""The cache changes the speed and nothing else, whatever happens to it."""

from __future__ import annotations

import copy
import hashlib
import logging
import os
import pickle
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import paddleseg_u2net  # noqa: F401  (before paddle: it loads zlib)
from paddleseg_u2net.datasets import PairDataset, pair_dataset
from paddleseg_u2net.datasets.augment import RandomCrop, fixed_beginning
from paddleseg_u2net.datasets.cache import Prepared, read_settings
from paddleseg_u2net.io.images import ImageError

ROOT = Path(__file__).resolve().parents[2]


def noise(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def write(root, number, shape=(30, 40), kind="index", seed=0):
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*shape, 3, seed=number + seed)).save(root / f"images/{number}.png")
    mask = noise(*shape, seed=number + 100 + seed, dtype=np.uint16 if kind == "16" else np.uint8)
    mask = {"index": mask % 2, "3": mask % 3}.get(kind, mask)
    mask.flat[:3] = (0, 1, np.iinfo(mask.dtype).max if kind in ("8", "16") else 1)
    Image.fromarray(mask).save(root / f"masks/{number}.png")


@pytest.fixture
def data(tmp_path):
    for number in range(6):
        write(tmp_path / "data", number)
    return tmp_path / "data"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, logger="paddleseg_u2net")
    return caplog


def dataset(root, folder=None, limit="1 GB", mode="train", **arguments):
    given = {"mask_values": "index", **arguments}
    if folder is not None:
        given["cache"] = {"limit": limit, "folder": str(folder)}
    return PairDataset(mode, dataset_root=str(root), images="images", masks="masks", **given)


def resize():
    from paddleseg.transforms import Resize

    return Resize([20, 16])


def read_all(found, epoch=0):
    return [found.augmented(index, (epoch, index)) for index in range(len(found))]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second):
        for a, b in zip(one, other):
            assert a.dtype == b.dtype and a.shape == b.shape
            assert a.tobytes() == b.tobytes()


def size_of(folder):
    """What the pairs take; files may vanish while they are counted."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                if name.endswith(".pair"):
                    total += (Path(path) / name).stat().st_size
    return total


def entries(folder):
    return sorted(Path(folder).glob("*.set/[0-9]*.pair"))


def nothing_is_decoded(monkeypatch):
    def refuse(path, *_):
        raise AssertionError(f"{path} was decoded")

    monkeypatch.setattr(pair_dataset, "read_image", refuse)
    monkeypatch.setattr(pair_dataset, "read_mask", refuse)


@pytest.mark.parametrize(
    ("value", "limit"),
    [("8 GB", 8 * 10**9), ("500MB", 5 * 10**8), ("1.5 gb", 15 * 10**8), ("2 GiB", 2**31),
     (12345, 12345), (8e9, 8 * 10**9), ("12345", 12345), ({"limit": "1 kB"}, 1000),
     ("1 TB", 10**12), ("7 B", 7)],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(value, limit):
    assert read_settings(value, "train_dataset.cache").limit == limit


@pytest.mark.parametrize(
    "value",
    [True, 0, -1, "0 GB", "much", "8 XB", "-8 GB", float("inf"), float("nan"), [], {}, "",
     {"folder": "/x"}, {"limit": "8 GB", "where": "/x"}, {"limit": "8 GB", "folder": 3}],
)  # fmt: skip
def test_what_is_no_size_is_an_error_that_shows_one(tmp_path, value):
    with pytest.raises(ValueError, match=r"train_dataset\.cache: expected a size.*8 GB.*, got"):
        PairDataset("train", dataset_root=str(tmp_path), cache=value)


def test_the_folder_is_of_the_key_or_environment_or_usual(monkeypatch, tmp_path):
    monkeypatch.delenv("U2NET_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    usual = tmp_path / ".cache/paddleseg_u2net/pairs"
    assert read_settings("1 GB", "cache").folder == usual
    monkeypatch.setenv("U2NET_CACHE", str(tmp_path / "mine"))
    assert read_settings("1 GB", "cache").folder == tmp_path / "mine"
    given = {"limit": "1 GB", "folder": "~/there"}
    assert read_settings(given, "cache").folder == tmp_path / "there"


def beginnings():
    import paddleseg.transforms as T

    return {
        "nothing": [],
        "resize": [T.Resize([20, 16]), RandomCrop([9, 8]), T.RandomHorizontalFlip()],
        "nearest": [T.Resize([20, 16], interp="NEAREST")],
        "cubic, ratio kept": [T.Resize([20, 16], keep_ratio=True, interp="CUBIC"), flip()],
        "random interpolation": [T.Resize([20, 16], interp="RANDOM"), flip()],
        "long": [T.ResizeByLong(24), T.Padding([24, 24]), RandomCrop([9, 8])],
        "short": [T.ResizeByShort([18, 20, 22]), RandomCrop([9, 8])],
        "limit": [T.LimitLong(25), T.PaddingByAspectRatio(1), T.Resize([20, 16]), flip()],
        "random first": [T.RandomHorizontalFlip(), T.Resize([20, 16])],
        "distort": [T.Resize([20, 16]), T.RandomDistort(), T.RandomNoise(), T.RandomBlur(0.5)],
    }


def flip():
    from paddleseg.transforms import RandomHorizontalFlip

    return RandomHorizontalFlip(0.5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", beginnings())
def test_samples_are_the_same_to_the_bit(data, folder, name, channels):
    if name == "distort" and channels == 1:
        pytest.skip("PaddleSeg's RandomNoise needs three channels")
    how = {"transforms": beginnings()[name], "img_channels": channels}
    plain = dataset(data, **how)
    for _ in range(2):  # a second start reads what the first has left
        cached = dataset(data, folder, **how)
        for epoch in range(3):
            assert_same(read_all(plain, epoch), read_all(cached, epoch))
        assert_same([plain.read(1)], [cached.read(1)])
    assert len(entries(folder)) == 6


@pytest.mark.parametrize("kind", ["8", "16", "fitted"])
def test_soft_masks_keep_all_their_bits(tmp_path, folder, kind):
    write(tmp_path, 0, kind=kind)
    if kind == "fitted":
        Image.fromarray(noise(15, 23)).save(tmp_path / "masks/0.png")
    how = {"mask_values": "soft", "mismatched_masks": "resize"}
    plain, cached = dataset(tmp_path, **how), dataset(tmp_path, folder, **how)
    for _ in range(2):
        assert_same(read_all(plain), read_all(cached))


@pytest.mark.parametrize("with_resize", [False, True])
def test_the_second_time_nothing_is_decoded(data, folder, monkeypatch, with_resize):
    how = {"transforms": [resize(), flip()] if with_resize else []}
    expected = read_all(dataset(data, folder, **how))
    again = dataset(data, folder, **how)
    nothing_is_decoded(monkeypatch)
    assert_same(expected, read_all(again))


def test_later_transforms_see_what_the_first_noted(data, folder):
    seen = []

    def look(pair):
        seen.append((copy.deepcopy(pair["trans_info"]), pair["gt_fields"], sorted(pair)))
        pair["trans_info"].append("mine")
        return pair

    how = {"transforms": [resize(), look]}
    read_all(dataset(data, **how))
    cached = dataset(data, folder, **how)
    read_all(cached)
    read_all(cached)
    assert seen[0][0] == [("resize", (30, 40))]
    assert seen[:6] == seen[6:12] == seen[12:]


def test_what_may_draw_ends_the_beginning():
    import paddleseg.transforms as T

    class Mine(T.Resize):
        pass

    fixed = T.Resize([20, 16])
    for other in (
        T.RandomHorizontalFlip(),
        T.Resize([20, 16], interp="RANDOM"),
        T.ResizeByShort(20),
        T.ResizeByShort([18, 20]),
        T.ResizeStepScaling(),
        RandomCrop([9, 8]),
        Mine([20, 16]),
        lambda pair: pair,
    ):
        assert len(fixed_beginning([fixed, other, fixed])) == 1, other
    odd = T.Resize([20, 16])
    odd.target_size = random.Random  # who knows what this is
    assert fixed_beginning([odd]) == []


def test_training_with_a_cache_ends_as_one_without(tmp_path, tiny, folder):
    from paddleseg_u2net.config import Config
    from paddleseg_u2net.training.trainer import RunOptions, Trainer
    from paddleseg_u2net.weights import read_pickle

    def train(name, **options):
        Trainer(Config(tiny), RunOptions(str(tmp_path / name), do_eval=True, **options)).run()
        return read_pickle(tmp_path / name / "iter_8/model.pdparams")

    tiny["iters"] = 8
    plain = train("plain", save_interval=5)
    for part in ("train_dataset", "val_dataset"):
        tiny[part]["cache"] = {"limit": "10 MB", "folder": str(folder)}
    cached = train("cached", num_workers=2)
    resumed = train("resumed", resume_model=str(tmp_path / "plain/iter_5"))
    assert len(entries(folder)) == 8 + 4
    for name, value in plain.items():
        np.testing.assert_array_equal(value, cached[name])
        np.testing.assert_array_equal(value, resumed[name])


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_changed_file_is_read_again_and_only_that(data, folder, kind, monkeypatch):
    how = {"transforms": [resize()]}
    cached = dataset(data, folder, **how)
    old = read_all(cached)
    write(data / "other", 2, seed=50)
    shutil.copy(data / f"other/{kind}/2.png", data / f"{kind}/2.png")
    expected = read_all(dataset(data, **how))
    decoded = []
    true_read = pair_dataset.read_image
    monkeypatch.setattr(
        pair_dataset, "read_image", lambda path, n: decoded.append(path.name) or true_read(path, n)
    )
    for _ in range(2):
        found = read_all(cached)
        assert_same(expected, found)
    assert decoded == ["2.png"]
    assert old[2][kind == "masks"].tobytes() != found[2][kind == "masks"].tobytes()


def test_files_of_the_same_size_and_time_are_told_apart(tmp_path, folder):
    write(tmp_path, 0)
    (tmp_path / "images/0.png").unlink()
    path = tmp_path / "images/0.bmp"
    Image.fromarray(noise(30, 40, 3)).save(path)
    cached = dataset(tmp_path, folder)
    first = read_all(cached)
    time.sleep(0.02)  # some file systems count time in steps of 10 ms
    before = path.stat()
    Image.fromarray(noise(30, 40, 3, seed=9)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    again = read_all(cached)
    assert_same(read_all(dataset(tmp_path)), again)
    assert first[0][0].tobytes() != again[0][0].tobytes()


@pytest.mark.parametrize(
    "other",
    [
        {"num_classes": 2},
        {"img_channels": 1},
        {"mask_values": {0: 0, 1: 0}},
        {"transforms": [None]},
    ],
)
def test_other_settings_have_a_set_of_their_own(data, folder, other):
    if "transforms" in other:
        other = {"transforms": [resize()]}
    read_all(dataset(data, folder))
    for _ in range(2):
        assert_same(read_all(dataset(data, **other)), read_all(dataset(data, folder, **other)))
    assert len(list(folder.glob("*.set"))) == 2


def test_no_flipped_byte_comes_through(data, folder):
    cached = dataset(data, folder, transforms=[resize()])
    expected = [cached.augmented(0, (0,))]
    (file,) = entries(folder)
    good = file.read_bytes()
    places = [*range(24), *range(24, len(good), 97), len(good) - 1]
    for place in places:
        damaged = bytearray(good)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        assert_same(expected, [cached.augmented(0, (0,))])
        assert file.read_bytes() == good, f"byte {place} was not noticed"


@pytest.mark.parametrize("length", [0, 1, 11, 12, 15, 16, 700, 1024, 1500, -1])
def test_no_truncated_or_longer_file_comes_through(data, folder, length):
    cached = dataset(data, folder, transforms=[resize()])
    expected = [cached.augmented(0, (0,))]
    (file,) = entries(folder)
    good = file.read_bytes()
    for bad in (good[:length], good + good[:length]):
        file.write_bytes(bad)
        assert_same(expected, [cached.augmented(0, (0,))])
        assert file.read_bytes() == good


@pytest.mark.parametrize("kind", ["images", "masks"])
@pytest.mark.parametrize("how", ["broken", "missing"])
def test_originals_that_cannot_be_read_are_the_same_error(data, folder, kind, how):
    plain, cached = dataset(data), dataset(data, folder)
    read_all(cached)
    path = data / kind / "3.png"
    path.write_bytes(path.read_bytes()[:-300])
    if how == "missing":
        path.unlink()
    for _ in range(2):
        messages = []
        for found in (plain, cached):
            with pytest.raises(ImageError, match=rf"{kind}/3\.png: ") as caught:
                found.augmented(3, (0,))
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


ROW = 5150  # about a pair of 30x40: 4 * 1200 bytes and a description


@pytest.mark.parametrize("fit", [0, 1, 4, 6])
def test_the_folder_never_exceeds_the_limit(data, folder, fit, log):
    limit = fit * ROW + ROW // 2
    plain = dataset(data)
    for _ in range(2):
        cached = dataset(data, folder, limit)
        for index in (5, 3, 1, 0, 2, 4, 5):
            assert_same([plain.read(index)], [cached.read(index)])
            assert size_of(folder) <= limit
    assert len(entries(folder)) == fit
    assert log.text.count("train_dataset.cache: the limit is ") == (2 if fit < 6 else 0)


def other_data(root, count=6):
    for number in range(count):
        write(root, number, seed=1000)
    return root


def test_two_runs_share_the_room_and_keep_each_others_pairs(data, folder, tmp_path):
    first = dataset(data, folder, 8 * ROW)
    read_all(first)
    before = [(file, file.stat().st_mtime_ns) for file in entries(folder)]
    second = dataset(other_data(tmp_path / "other"), folder, 8 * ROW)
    for epoch in range(2):
        for found in (second, first):
            read_all(found, epoch)
    assert len(entries(folder)) == 8 and size_of(folder) <= 8 * ROW
    assert {(file, file.stat().st_mtime_ns) for file in entries(folder)} >= set(before)


def test_unused_sets_are_removed_the_oldest_first(data, folder, tmp_path):
    roots = [data, other_data(tmp_path / "b"), other_data(tmp_path / "c")]
    kept = []
    for number, root in enumerate(roots[:2]):
        read_all(dataset(root, folder, 12 * ROW))
        kept.append(max(folder.glob("*.set"), key=lambda path: path.stat().st_ctime_ns))
        os.utime(kept[-1], (1000 - number, 1000 - number))  # the second is older
    assert len(entries(folder)) == 12
    read_all(dataset(roots[2], folder, 12 * ROW))
    assert kept[0].is_dir() and not kept[1].exists() and len(entries(folder)) == 12


WORKER = """
import hashlib, sys
from pathlib import Path
from paddleseg_u2net.datasets import PairDataset
found = PairDataset("train", dataset_root=sys.argv[1], images="images", masks="masks",
                    mask_values="index", cache={"limit": int(sys.argv[3]), "folder": sys.argv[2]})
print("ready", flush=True)
sys.stdin.readline()
for epoch in range(5):
    total = hashlib.md5()
    for index in range(len(found)):
        if int(sys.argv[4]) and index % 7 == 3:  # one of them is careless
            for file in Path(sys.argv[2]).glob(f"*.set/{index:08d}.pair"):
                file.unlink(missing_ok=True)
        for array in found.read(index):
            total.update(array.tobytes())
    print(total.hexdigest(), flush=True)
"""


def start(*arguments):
    command = [sys.executable, "-c", WORKER, *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)


def test_processes_that_share_a_folder_read_the_truth(tmp_path, folder):
    for number in range(60):
        write(tmp_path / "data", number)
    limit = 40 * ROW
    processes = [start(tmp_path / "data", folder, limit, careless) for careless in (0, 0, 1)]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    largest = 0
    while any(process.poll() is None for process in processes):
        largest = max(largest, size_of(folder))
        time.sleep(0.01)
    expected = hashlib.md5()
    plain = dataset(tmp_path / "data")
    for index in range(60):
        for array in plain.read(index):
            expected.update(array.tobytes())
    for process in processes:
        output, errors = process.communicate()
        assert output.split() == [expected.hexdigest()] * 5, errors
    assert 10 * ROW < largest <= limit


def test_what_another_process_stored_meanwhile_is_left(data, folder):
    """Else the pair would lie there twice for a moment, beyond the limit."""
    first, other = dataset(data, folder)._cache, dataset(data, folder)
    stored = []

    def slowly(index):
        made = Prepared(*other.read(index)[:2], [])
        stored.append(entries(folder)[0].stat().st_ino)
        return made

    for times in (1, 2):
        first.get(0, slowly)
        (file,) = entries(folder)
        assert [file.stat().st_ino] == stored[times - 1 :]
        assert (folder / ".size").read_text() == str(file.stat().st_size)
        file.write_bytes(bytes(file.stat().st_size))  # damaged


def test_a_folder_that_cannot_be_made_is_one_warning(data, tmp_path, log):
    (tmp_path / "file").write_text("")
    cached = dataset(data, tmp_path / "file" / "cache")
    assert_same(read_all(dataset(data)), read_all(cached))
    assert log.text.count("train_dataset.cache: ") == 1 and str(tmp_path / "file") in log.text


FULL = """
import logging, resource, sys
from paddleseg_u2net.env import load_paddle
load_paddle()
from paddleseg_u2net.datasets import PairDataset
from paddleseg_u2net.training.loader import Schedule, train_loader
from paddleseg_u2net.inference import Preprocess
logging.basicConfig(format="LOG %(process)d %(message)s", force=True)
found = PairDataset("train", dataset_root=sys.argv[1], images="images", masks="masks",
                    mask_values="index", cache={"limit": "1 GB", "folder": sys.argv[2]})
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))  # no pair can be stored
print(len(list(train_loader(found, Preprocess(), Schedule(6, 1, 0, 0, 18), 2))))
"""


def test_workers_that_cannot_write_warn_once_together(data, folder):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", FULL, str(data), str(folder)]
    result = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert result.stdout.split()[-1] == "18", result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith("LOG")]
    assert len(warnings) == 1 and "no more pairs are stored" in warnings[0], warnings
    assert not entries(folder) and not list(folder.glob("*.set/.*"))
    dataset(data, folder).read(1)  # a new start tries again
    assert len(entries(folder)) == 1


def test_a_cache_that_is_deleted_meanwhile_stays_deleted(data, folder, log):
    cached = dataset(data, folder)
    cached.read(0)
    shutil.rmtree(folder)
    assert_same(read_all(dataset(data)), read_all(cached))
    assert not folder.exists() and log.text.count("was removed meanwhile") == 1


@pytest.mark.parametrize("how", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_a_copy_reads_and_stores_as_well(data, folder, how):
    cached = dataset(data, folder)
    cached.read(0)
    other = how(cached)
    assert_same(read_all(dataset(data)), read_all(other))
    assert len(entries(folder)) == 6
