#!/usr/bin/env bash
# tools/build.sh FOLDER TARGET: builds TARGET in a configured folder; what is up to date costs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
options=(-j "${JOBS:-$(nproc 2>/dev/null || echo 2)}")
[ -t 1 ] || options+=(--quiet)  # a log needs the errors, not a line per file
ninja -C "$1" -n "$2" 2>/dev/null | grep -q 'no work to do' || echo "building $2 in $1 (the first time takes minutes)"
ninja -C "$1" "${options[@]}" "$2" | grep -v -e 'no work to do' -e 'Entering directory' || [ "${PIPESTATUS[0]}" = 0 ]
