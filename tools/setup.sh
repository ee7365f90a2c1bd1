#!/usr/bin/env bash
# Makes a bare Debian or Ubuntu ready to build and run tinytorch; repeating it costs milliseconds.
#   tools/setup.sh demo    compiler, headers, .venv with what `make demo` needs
#   tools/setup.sh test    the above and what `make test` needs (never PyTorch)
#   tools/setup.sh dev     the above and the linters
#   tools/setup.sh docs    "demo" and Sphinx
#   tools/setup.sh torch   "test" and torch==2.13.0, the oracle of the tests
#   tools/setup.sh arm64   "test" and a cross compiler with qemu-user
# PYTHON names the interpreter (>= 3.10), CXX the compiler (GCC >= 11 or Clang >= 14).
# TINYTORCH_NO_APT=1 forbids installing system packages.
set -euo pipefail
cd "$(dirname "$0")/.."
level=${1:-demo}
venv_python=.venv/bin/python

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$@" >&2; exit 1; }

case $level in
  demo) covers="demo" extras=build,cli ;;
  test) covers="demo test" extras=build,cli,test ;;
  dev) covers="demo test dev" extras=build,cli,test,dev ;;
  docs) covers="demo docs" extras=build,cli,docs ;;
  torch) covers="demo test torch" extras=build,cli,test ;;
  arm64) covers="demo test arm64" extras=build,cli,test ;;
  *) die "unknown level '$level'; choose demo, test, dev, docs, torch or arm64" ;;
esac

# .venv/.setup-LEVEL holds the fingerprint of what the set-up was made from.
fingerprint() { cat pyproject.toml tools/setup.sh CMakePresets.json | cksum; echo "${PYTHON:-}" "${CXX:-}"; }
installed() { [ -x $venv_python ] && [ "$(cat ".venv/.setup-$level" 2>/dev/null)" = "$(fingerprint)" ]; }
configured() {
  [ -f build/dev/build.ninja ] &&
    { [ "$level" = demo ] || [ "$level" = docs ] || grep -q '^TINYTORCH_BUILD_TESTS:BOOL=ON' build/dev/CMakeCache.txt; }
}

may_install() {
  [ -z "${TINYTORCH_NO_APT:-}" ] && command -v apt-get >/dev/null &&
    { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}
apt_install() {
  local root=() log
  [ "$(id -u)" = 0 ] || root=(sudo -n)
  log=$(mktemp)
  say "installing system packages: $*"
  "${root[@]}" apt-get update -qq >/dev/null 2>&1 || say "apt-get update reported errors; going on"
  if ! "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; }
find_python() {
  local candidate candidates=(python3 python3.13 python3.12 python3.11 python3.10 python3.14)
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    if new_enough "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}
good_compiler() {
  [ -n "$1" ] && printf '%s\n' '#if (defined(__clang__) && __clang_major__ < 14) || (!defined(__clang__) && __GNUC__ < 11)' \
    '#error too old' '#endif' '#include <span>' 'int main() {}' |
    "$1" -std=c++20 -x c++ -fsyntax-only - >/dev/null 2>&1
}
find_compiler() {
  local candidate candidates=(c++ g++ clang++ g++-{14,13,12,11} clang++-{19,18,17,16,15,14})
  [ -z "${CXX:-}" ] || candidates=("$CXX")
  for candidate in "${candidates[@]}"; do
    if good_compiler "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}
has_header() {
  if [ -n "$compiler" ]; then
    printf '#if !__has_include(<%s>)\n#error missing\n#endif\n' "$1" |
      "$compiler" -x c++ -fsyntax-only - 2>/dev/null
  else
    [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]
  fi
}

install_system_packages() {
  python=$(find_python) || die "tinytorch needs Python 3.10 or newer; found none${PYTHON:+ at PYTHON=$PYTHON}" \
    "install one (sudo apt-get install python3), or name one: make PYTHON=/path/to/python3.12 ..."
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  local needed=() headers=()
  "$python" -c 'import ensurepip, venv' 2>/dev/null || needed+=("python$version-venv")
  [ -f "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] ||
    needed+=("python$version-dev")
  if ! compiler=$(find_compiler); then
    [ -z "${CXX:-}" ] || die "CXX=$CXX does not serve: a C++20 compiler is needed, GCC >= 11 or Clang >= 14"
    needed+=(g++)
  fi
  if [ "$level" = arm64 ]; then
    command -v aarch64-linux-gnu-g++ >/dev/null || needed+=(g++-aarch64-linux-gnu)
    command -v qemu-aarch64 >/dev/null || needed+=(qemu-user)
  fi
  has_header xtensor/xarray.hpp || headers+=(libxtensor-dev)
  has_header xsimd/xsimd.hpp || headers+=(libxsimd-dev)
  has_header nlohmann/json.hpp || headers+=(nlohmann-json3-dev)
  has_header stb/stb_image.h || headers+=(libstb-dev)
  has_header catch2/catch.hpp || has_header catch2/catch_all.hpp || headers+=(catch2)

  if ! may_install; then
    [ ${#needed[@]} = 0 ] || die "system packages are missing, and I may not install them" \
      "type:   sudo apt-get install ${needed[*]} ${headers[*]}"
    [ ${#headers[@]} = 0 ] || say "not installed: ${headers[*]}; the build will download pinned copies"
  elif [ ${#needed[@]} -gt 0 ] || [ ${#headers[@]} -gt 0 ]; then
    if ! apt_install "${needed[@]}" "${headers[@]}"; then
      [ ${#headers[@]} = 0 ] || say "trying without ${headers[*]}; the build will download pinned copies"
      [ ${#needed[@]} = 0 ] || apt_install "${needed[@]}" || die "apt-get could not install: ${needed[*]}"
    fi
  fi
  compiler=$(find_compiler) || die "this system's g++ is too old: GCC >= 11 or Clang >= 14 is needed" \
    "install a newer one and name it: make CXX=g++-12 ..."
}

venv_serves() {
  new_enough $venv_python && $venv_python -m pip --version >/dev/null 2>&1 &&
    { [ -z "${PYTHON:-}" ] || [ "$($venv_python -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$version" ]; }
}
install_python_packages() {
  if ! venv_serves; then
    say "making .venv with $python ($version)"
    "$python" -m venv --clear .venv || die "could not make .venv with $python"
  fi
  if [ "$level" = torch ]; then
    say "installing torch==2.13.0 (the oracle of the tests)"
    pip torch==2.13.0
  fi
  say "installing Python packages into .venv ($extras)"
  # Python files are used where they lie; CMake builds the extension below, not pip.
  pip --config-settings=wheel.cmake=false --config-settings=editable.mode=inplace --editable ".[$extras]" ||
    die "pip could not install the packages; see above"
}
pip() { $venv_python -m pip --disable-pip-version-check install --quiet "$@"; }

configure() {
  local tests=ON
  case $level in demo | docs) tests=OFF ;; esac
  say "configuring build/dev with $compiler"
  mkdir -p build
  if ! CXX=$compiler .venv/bin/cmake --fresh --preset dev -DTINYTORCH_BUILD_TESTS=$tests >build/configure.log 2>&1; then
    cat build/configure.log >&2
    exit 1
  fi
}

if ! installed; then
  install_system_packages
  install_python_packages
  configure
  for stamp in $covers; do fingerprint >".venv/.setup-$stamp"; done
elif ! configured; then
  compiler=$(find_compiler)
  configure
fi
