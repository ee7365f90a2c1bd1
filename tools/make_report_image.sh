#!/usr/bin/env bash
# Write docs/images/report.png: the top of the page of a fresh `tinytorch demo`, by headless Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/tinytorch demo --out "$work"
mkdir -p docs/images
chromium --headless --no-sandbox --hide-scrollbars --window-size=1280,2030 \
  --screenshot="$PWD/docs/images/report.png" "file://$work/report.html" 2>/dev/null
ls -l docs/images/report.png
