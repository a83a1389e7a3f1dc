# Every version in one place: setup.py, the Makefile and .ci/run read them here.
PADDLE = 3.3.1
PADDLE_OLDEST = 2.6.2
PADDLESEG = 2.8.0
# paddleseg's OpenCV is built against numpy 1, and has no wheels after Python 3.12.
NUMPY = >=1.22,<2
# The service, and watching folders: not older than these.
FASTAPI = >=0.115.7
STARLETTE = >=0.44
PYTHON_MULTIPART = >=0.0.13
UVICORN = >=0.35
WEBSOCKETS = >=15
WATCHFILES = >=0.21
# Videos; Python 3.9 has no newer one.
AV = >=15
# Tools; the newest that still run on Python 3.9 are taken there.
RUFF = 0.17.5
MYPY = 2.4.1
PYSODMETRICS = 1.6.2
PYSALIENCY = 0.2.22
PYCOCOTOOLS = 2.0.11
PYMATTING = 1.1.16
MMEVAL = 0.2.1
OPENAPI_SPEC_VALIDATOR = 0.9.0
# The other side of conversions; tests that need it skip where it is missing.
# From programs of Paddle to ONNX, of networks other than U²-Nets: for Paddle 3, and for Paddle 2.
PADDLE2ONNX = 2.1.0
PADDLE2ONNX_OLDEST = 1.3.1
TORCH = 2.13.0
ONNXRUNTIME = 1.31.1
OPENVINO = 2026.4.1
NCNN = 1.0.20261020
# The service's page is tried in Debian's chromium; axe-core says whether everybody can use it.
PLAYWRIGHT = 1.65.2
AXE = 0.1.8
# Removal on many machines, against an S3 server in the process. pyarrow 26 wants numpy 2.
RAY = 2.60.0
PYARROW = 25.0.1
PYARROW_BELOW = <26
S3FS = 2026.9.0
MOTO = 5.2.5
# Its ffmpeg says what is in a video.
IMAGEIO_FFMPEG = 0.8.1
# Cameras for other programs, here over a driver that only keeps what is sent.
PYVIRTUALCAM = 0.15.0
PYTHON = >=3.9,<3.13
PYTHON_NEWEST = 3.12
