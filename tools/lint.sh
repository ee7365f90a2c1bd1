#!/usr/bin/env bash
# Every check of the sources that needs no test run; goes through all of them, then fails if any did.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=()

check() {
  local name=$1
  shift
  "$@" || failed+=("$name")
}
cpp_format() {
  git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp' | xargs -0 $bin/clang-format --dry-run -Werror
}

check clang-format cpp_format
check ruff $bin/ruff check --quiet .
check ruff-format $bin/ruff format --quiet --check .
check mypy $bin/mypy
check stubs $bin/python tools/make_stubs.py --check
check layers $bin/python tools/check_layers.py
check weak-symbols $bin/python tools/check_weak_symbols.py build/dev
check notebooks $bin/python tools/notebooks.py --check
check sizes $bin/python tools/check_sizes.py

if [ ${#failed[@]} -gt 0 ]; then
  echo "lint: failed: ${failed[*]}" >&2
  exit 1
fi
echo "lint: clean"
