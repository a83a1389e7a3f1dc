"""Put an unpacked data set where the configurations look for it, after checking that it is whole.

    python benchmark_data_prepare/prepare.py NAME --source FOLDER [--root data]

FOLDER is linked as data/NAME; nothing in it is changed.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from paddleseg_u2net.datasets import TABLE, PairDataset, PairingError


def main() -> int:
    """Check and link; 0 if the configurations will find the data set."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument("name", choices=sorted(TABLE), help="a data set of the table")
    result.add_argument("--source", required=True, type=Path, help="its unpacked folder")
    result.add_argument("--root", default=Path("data"), type=Path, help="where NAME is linked")
    arguments = result.parse_args()
    row, target = TABLE[arguments.name], arguments.root / arguments.name
    try:
        for part, split in row.splits.items():
            if part == "test" and not (arguments.source / split.list_file).is_file():
                continue  # not every copy has its test list
            pairs = PairDataset(part, arguments.name, dataset_root=str(arguments.source)).pairs
            published = f" ({split.pairs} are published)" if split.pairs else ""
            print(f"{row.title}, {part}: {len(pairs)} pairs{published}")
        if target.is_symlink() or target.exists():
            if target.resolve() != arguments.source.resolve():
                raise PairingError(f"{target}: something else lies there; move it, or give --root")
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(arguments.source.resolve(), target_is_directory=True)
    except (ValueError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{target} -> {arguments.source.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
