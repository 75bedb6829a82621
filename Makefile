# Everything lives in .venv; PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install train test lint bench bench-export docs docs-serve pins

install: $(VENV)/installed

$(VENV)/installed: requirements.txt setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else "error: $(PYTHON) is Python %d.%d; iaunet-tf needs 3.10 to 3.13: make PYTHON=python3.12" % v)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "error: $(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

train: install
	$(BIN)/python train_keras.py $(ARGS)

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check --python-interpreter-path $(BIN)/python

bench: install
	$(BIN)/python -m benchmarks

bench-export: install
	$(BIN)/python -m benchmarks exports

# The documentation in site/; ARGS are those of mkdocs. Its tools have an environment of their own.
docs docs-serve: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)-docs/installed
	$(VENV)-docs/bin/mkdocs build --strict $(ARGS)

docs-serve: $(VENV)-docs/installed
	$(VENV)-docs/bin/mkdocs serve $(ARGS)

$(VENV)-docs/installed: docs/requirements.txt
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r $<
	@touch $@

# Brings the pins up to setup.py, with as few changes as possible; needs uv.
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate $(UV_FLAGS)
pins:
	$(COMPILE) --python-version 3.10 setup.py --extra dev --no-emit-package openvino-telemetry -o requirements.txt
	$(COMPILE) --python-version 3.11 setup.py --extra inference --extra serve -c requirements.txt -o docker/inference.txt
	$(COMPILE) --python-version 3.11 setup.py --extra gpu --extra onnx --extra serving --extra litert --extra parquet --extra adapt -c requirements.txt -o docker/train.txt
	$(COMPILE) --python-version 3.10 setup.py --extra docs -o docs/requirements.txt
	echo 'setuptools>=77' | $(COMPILE) --python-version 3.11 - -c requirements.txt -o docker/build.txt
