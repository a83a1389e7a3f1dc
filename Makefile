# `make quickstart` and `make test` do everything on a bare machine; see README.md.
include versions.mk

PYTHON_FOR_VENV ?= python3
VENV ?= .venv
PADDLE_VERSION ?= $(PADDLE)
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed

.PHONY: quickstart test lint install runtimes clean

$(STAMP): setup.py versions.mk
	$(PYTHON_FOR_VENV) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "paddlepaddle==$(PADDLE_VERSION)" -e ".[cpu,dev]"
	# Without its requirements: it asks for a second OpenCV, which would overwrite the first.
	$(BIN)/python -m pip install --quiet --no-deps "pysodmetrics==$(PYSODMETRICS)"
	touch $(STAMP)

install: $(STAMP)

# Other people's programs to compare with; large, or built by a C compiler, and asked for by nobody
# else. Tests that need them skip without.
runtimes: $(STAMP)
	$(BIN)/python -m pip install --quiet "torch==$(TORCH)" "onnxruntime==$(ONNXRUNTIME)" \
		"openvino==$(OPENVINO)" "ncnn==$(NCNN)" \
		"numpy$(NUMPY)" numba
	# Without their requirements: what is compared needs none of them but Numba and SciPy.
	$(BIN)/python -m pip install --quiet --no-deps "pysaliency==$(PYSALIENCY)" \
		"pycocotools==$(PYCOCOTOOLS)" "pymatting==$(PYMATTING)"

quickstart: $(STAMP)
	$(BIN)/python -m paddleseg_u2net quickstart

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 $(TESTS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
