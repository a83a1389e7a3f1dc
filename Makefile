# `make quickstart` and `make test` do everything on a bare machine; see README.md.
include versions.mk

PYTHON_FOR_VENV ?= python3
VENV ?= .venv
PADDLE_VERSION ?= $(PADDLE)
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help quickstart test lint pages install runtimes hooks clean

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

$(STAMP): setup.py versions.mk
	$(PYTHON_FOR_VENV) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "paddlepaddle==$(PADDLE_VERSION)" -e ".[cpu,dev]"
	# Without its requirements: it asks for a second OpenCV, which would overwrite the first.
	$(BIN)/python -m pip install --quiet --no-deps "pysodmetrics==$(PYSODMETRICS)"
	touch $(STAMP)

install: $(STAMP) ## make the virtual environment, with this project and its tools

# Other people's programs to compare with; large, or built by a C compiler, and asked for by nobody
# else. Tests that need them skip without.
runtimes: $(STAMP) ## PyTorch and the engines that tests compare with
	$(BIN)/python -m pip install --quiet "torch==$(TORCH)" "onnxruntime==$(ONNXRUNTIME)" \
		"openvino==$(OPENVINO)" "ncnn==$(NCNN)" \
		"ray[data]==$(RAY);python_version>='3.10'" "pyarrow==$(PYARROW);python_version>='3.10'" \
		"s3fs==$(S3FS);python_version>='3.10'" "moto[s3]==$(MOTO);python_version>='3.10'" \
		"imageio-ffmpeg==$(IMAGEIO_FFMPEG);python_version>='3.10'" flask flask-cors \
		"pyvirtualcam==$(PYVIRTUALCAM);python_version>='3.10'" \
		"openapi-spec-validator==$(OPENAPI_SPEC_VALIDATOR);python_version>='3.10'" \
		"playwright==$(PLAYWRIGHT);python_version>='3.10'" \
		"axe-playwright-python==$(AXE);python_version>='3.10'" "mmeval==$(MMEVAL)" \
		"numpy$(NUMPY)" numba
	# Without their requirements: what is run of them needs none but Numba and SciPy, and paddle2onnx
	# would replace onnx by an older one.
	$(BIN)/python -m pip install --quiet --no-deps \
		"paddle2onnx==$(if $(filter 2.%,$(PADDLE_VERSION)),$(PADDLE2ONNX_OLDEST),$(PADDLE2ONNX))" \
		"pysaliency==$(PYSALIENCY)" \
		"pycocotools==$(PYCOCOTOOLS)" "pymatting==$(PYMATTING)"

quickstart: $(STAMP) ## draw data, train, validate and predict, in minutes on a CPU
	$(BIN)/python -m paddleseg_u2net quickstart

test: $(STAMP) ## all tests; TESTS='-k name' for some
	$(BIN)/python -m pytest -n auto --maxprocesses 8 $(TESTS)

lint: $(STAMP) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pages: $(STAMP) ## write the tables of known data sets and of metrics in docs anew
	$(BIN)/python -c "from paddleseg_u2net.data_tools import pages; pages.write_pages('docs')"
	$(BIN)/python -c "from paddleseg_u2net.evaluation.results import write_documentation as write; \
		write('docs/metrics.md')"

hooks: $(STAMP) ## check style and types before every commit
	$(BIN)/python -m pip install --quiet pre-commit
	$(BIN)/pre-commit install

clean: ## remove the environment and the tools' caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
