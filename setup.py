"""Packaging; tools are configured in pyproject.toml, versions in versions.mk."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSIONS = dict(
    re.findall(r"^(\w+) = (.+)$", (HERE / "versions.mk").read_text(encoding="utf-8"), re.M)
)
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "paddleseg_u2net/_version.py").read_text(encoding="utf-8")
).group(1)
REPORT = ["jinja2", "matplotlib"]
DEPLOY = ["onnx", "onnxruntime", "safetensors"]
WATCH = f"watchfiles{VERSIONS['WATCHFILES']}"
MATTING = ["scipy"]
# PNG files in an eighth of the time; there are wheels for these processors.
PACKING = "isal; platform_machine in 'x86_64 AMD64 aarch64 arm64'"
REMOVE = [*DEPLOY, *MATTING, PACKING, "pillow-heif", WATCH]
VIDEO = [*DEPLOY, f"av{VERSIONS['AV']}"]
SERVICE = [
    f"fastapi{VERSIONS['FASTAPI']}",
    "prometheus-client",
    f"python-multipart{VERSIONS['PYTHON_MULTIPART']}",
    f"starlette{VERSIONS['STARLETTE']}",
    f"uvicorn{VERSIONS['UVICORN']}",
    f"websockets{VERSIONS['WEBSOCKETS']}",
]
TRAIN = [
    f"paddleseg=={VERSIONS['PADDLESEG']}",
    *REPORT,
    "setuptools",  # Paddle 2.6.2 imports it, and Python 3.12 has none in new environments
    "visualdl",
]

setup(
    name="paddleseg_u2net",
    version=VERSION,
    description="U²-Net and U²-NetP for PaddleSeg: train, validate, predict",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=["paddleseg_u2net", "paddleseg_u2net.*"]),
    package_data={
        "paddleseg_u2net.datasets": ["known.yaml"],
        "paddleseg_u2net.evaluation": ["page.html", "page.css", "page.js"],
        "paddleseg_u2net.service": ["page/*", "page/camera/*"],
        "paddleseg_u2net.weights": ["zoo.yaml"],
    },
    python_requires=VERSIONS["PYTHON"],
    # Enough to read weights and to predict with an engine of the extras.
    install_requires=[
        f"numpy{VERSIONS['NUMPY']}",
        "opencv-python",
        "pillow>=9.1",
        "pyyaml",
        "requests",
        "tqdm",
    ],
    extras_require={
        # Curves and pages of eval_maps.
        "report": REPORT,
        # Configurations, training, reports; all but Paddle itself.
        "train": TRAIN,
        # Paddle's CPU and GPU builds are two packages that overwrite each other.
        "cpu": [*TRAIN, f"paddlepaddle>={VERSIONS['PADDLE_OLDEST']}"],
        "gpu": [*TRAIN, f"paddlepaddle-gpu>={VERSIONS['PADDLE_OLDEST']}"],
        # Prediction without Paddle: what was exported, and weights of every format.
        "deploy": DEPLOY,
        # `remove --matting band`.
        "matting": MATTING,
        # Backgrounds removed without Paddle: `remove`, its --watch, HEIC pictures.
        "remove": REMOVE,
        # The same over HTTP, and its page: `serve`.
        "serve": [*REMOVE, *SERVICE],
        # Backgrounds removed from videos: `video`.
        "video": VIDEO,
        # Weights in ONNX and safetensors files.
        "formats": ["onnx", "safetensors"],
        # Further engines that are faster than Paddle on a CPU; --backend names one of them.
        "onnxruntime": ["onnx", "onnxruntime"],
        "openvino": ["onnx", "openvino"],
        "ncnn": ["ncnn"],
        # Export of networks other than U²-Nets, made by Paddle 3, as ONNX and for OpenVINO; with
        # Paddle 2 it is paddle2onnx 1.3.1. It takes an onnx of 1.17.
        "paddle2onnx": ["onnx", f"paddle2onnx=={VERSIONS['PADDLE2ONNX']}"],
        # HEIC pictures, of telephones.
        "heif": ["pillow-heif"],
        # Removal on many machines, `remove --ray`; Ray needs Python 3.10, and s3fs or gcsfs where
        # images lie there. pyarrow 26 wants numpy 2, and its wheels do not say so.
        "ray": [
            f"ray[data]>={VERSIONS['RAY']}; python_version >= '3.10'",
            f"pyarrow>=17,{VERSIONS['PYARROW_BELOW']}; python_version >= '3.10'",
        ],
        # RAR archives of data sets; a tool such as unrar or 7z is needed too.
        "rar": ["rarfile"],
        "dev": [
            *SERVICE,
            PACKING,
            WATCH,
            f"av{VERSIONS['AV']}",
            "httpx",
            "exifread",  # with piexif and pypng it reads and makes what finished pictures hold
            "hypothesis",
            "onnx",
            "safetensors",
            f"mypy=={VERSIONS['MYPY']}; python_version >= '3.10'",
            "piexif",
            "pillow-heif",
            "pypng",
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "rarfile",
            f"ruff=={VERSIONS['RUFF']}",
            "scikit-image",  # PySODMetrics needs it
            "scipy",
            "tensorboard",  # a light one of the experiment loggers; the others are not installed
            "types-PyYAML",
            "types-requests",
        ],
    },
    entry_points={"console_scripts": ["paddleseg_u2net = paddleseg_u2net.__main__:cli"]},
)
