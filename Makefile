# The daily verbs; `make help` lists them. Each does its own set-up (tools/setup.sh), from nothing.
SHELL := /bin/bash
.NOTPARALLEL:
.DEFAULT_GOAL := help
BIN := .venv/bin
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
export PYTHON
ifneq ($(origin CXX),default)  # make's own default says nothing about this machine
export CXX
else
unexport CXX
endif

.PHONY: help
help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/' | \
	  while IFS=$$'\t' read -r verb text; do printf '  make %-12s %s\n' "$$verb" "$$text"; done
	@echo "  Variables: PYTHON=/path/to/python3 (3.10 or newer), CXX=compiler, JOBS=n"

.PHONY: demo
demo: extension  ## the whole capstone on real data: train, profile, quantize, prune, measure, submit
	@$(BIN)/tinytorch demo $(ARGS)

.PHONY: extension
extension:
	@tools/setup.sh demo
	@tools/build.sh build/dev _core

.PHONY: build
build:  ## the extension and the C++ tests, into build/dev and python/tinytorch
	@tools/setup.sh test
	@tools/build.sh build/dev all

.PHONY: test
test: build  ## C++ and Python tests
	@$(BIN)/ctest --preset dev --output-log build/ctest.log --progress
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: test-all
test-all: test  ## test, the slow Python tests, and the C++ tests under ASan+UBSan and TSan
	@TINYTORCH_TEST_PROFILE=slow $(BIN)/python -m pytest -m "slow or packaging" $(ARGS)
	@tools/test_preset.sh asan
	@tools/test_preset.sh tsan

.PHONY: test-arm64
test-arm64: extension  ## C++ tests and the packed classifier, cross-compiled for AArch64, run under qemu-user
	@tools/setup.sh arm64
	@tools/test_preset.sh arm64
	@tools/build.sh build/arm64 tinytorch-classify
	@$(BIN)/python -m pytest -q tests/deploy/test_arm64.py

.PHONY: test-baseline
test-baseline: build  ## C++ tests on an emulated x86-64 CPU without AVX, under qemu-user
	@command -v qemu-x86_64 >/dev/null || { echo "qemu-x86_64 is missing: sudo apt-get install qemu-user"; exit 1; }
	TINYTORCH_TEST_EMULATED=1 qemu-x86_64 -cpu Nehalem build/dev/cpp/tests/tt_tests

.PHONY: bench
bench: extension  ## our benchmarks, figures to the terminal
	@for script in footprint small_ops course_speed; do \
	  echo "== benchmarks/$$script.py"; $(BIN)/python benchmarks/$$script.py || exit 1; done

PEERS ?= torch,ort,openvino,llama,numpy
WORKLOADS ?= gemm_f32,gemm_int8,linear_int8,gemv,mlp_latency,cnn_infer,cnn_train,gpt_decode,gpt_batch_decode,gpt_prefill,gpt_train,elementwise
THREADS ?= 1,2
.PHONY: bench-peers
bench-peers: extension  ## ours beside other engines: benchmarks/results/peers, docs/performance.md (PEERS= WORKLOADS= THREADS=)
	@$(BIN)/python benchmarks/peers.py --peers $(PEERS) --workloads $(WORKLOADS) --threads $(THREADS) $(ARGS)

.PHONY: bench-memory
bench-memory: extension  ## peak memory of training steps beside PyTorch's: benchmarks/results/training_memory.json
	@$(BIN)/python benchmarks/training_memory.py --json benchmarks/results/training_memory.json

.PHONY: bench-check
bench-check:  ## names the hot kernels that take more instructions than committed (ARGS=--update: writes them)
	@tools/setup.sh demo
	@tools/build.sh build/dev tt_bench
	@$(BIN)/python benchmarks/bench_check.py $(ARGS)

.PHONY: ladder
ladder: extension  ## measures the steps of docs/ladder on this machine and writes their tables
	@tools/build.sh build/dev tt_ladder
	@$(BIN)/python benchmarks/ladder.py $(ARGS)

.PHONY: lint
lint:  ## formatting, style, types, layers, symbols
	@tools/setup.sh dev
	@tools/build.sh build/dev _core
	@tools/lint.sh

.PHONY: tidy
tidy:  ## clang-tidy over the C++ sources (slow)
	@tools/setup.sh test
	@command -v run-clang-tidy >/dev/null || { echo "clang-tidy is missing: sudo apt-get install clang-tidy"; exit 1; }
	run-clang-tidy -quiet -p build/dev -j $(JOBS) '$(CURDIR)/cpp/tinytorch/.*\.cpp$$'

.PHONY: format
format:  ## rewrites C++ and Python sources in the project's style
	@tools/setup.sh dev
	@git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp' | xargs -0 $(BIN)/clang-format -i
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .

.PHONY: stubs
stubs:  ## python/tinytorch/_core/*.pyi, from the built extension
	@tools/setup.sh dev
	@tools/build.sh build/dev _core
	@$(BIN)/python tools/make_stubs.py

.PHONY: wheel
wheel:  ## dist/*.tar.gz and, built from it, dist/*.whl
	@tools/setup.sh test
	@$(BIN)/python -m build --outdir dist .

.PHONY: notebooks
notebooks:  ## notebooks/*.ipynb from the .py files beside them, without outputs
	@tools/setup.sh test
	@$(BIN)/python tools/notebooks.py

.PHONY: docs
docs:  ## HTML pages in build/docs; a warning is an error
	@tools/setup.sh docs
	@tools/build.sh build/dev _core
	@$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs && echo "build/docs/index.html"

.PHONY: clean
clean:  ## removes what was built (keeps .venv)
	rm -rf build dist demo-output .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -f python/tinytorch/_core*.so
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
