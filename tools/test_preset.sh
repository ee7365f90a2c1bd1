#!/usr/bin/env bash
# tools/test_preset.sh PRESET: configures, builds and runs the C++ tests of a preset (CMakePresets.json).
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
preset=$1
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" >/dev/null
tools/build.sh "build/$preset" tt_tests
run=(ctest --preset "$preset" --progress)
# ThreadSanitizer of GCC 12 and Clang 14 cannot place its shadow where a newer kernel scatters mappings.
[ "$preset" != tsan ] || run=(setarch "$(uname -m)" -R "${run[@]}")
"${run[@]}"
