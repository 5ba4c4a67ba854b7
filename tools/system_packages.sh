#!/usr/bin/env bash
# Installs the system packages that are missing, where apt may; otherwise names them in one line and exits with 2.
# What only saccade-classify needs stops nothing but the tests and 'make classify': the wheel is built without it.
# Usage: tools/system_packages.sh build|test|fuzz|classify
set -euo pipefail

missing=()
wanted=()
need() { # need PACKAGE COMMAND...: PACKAGE is missing unless COMMAND succeeds
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
want() { # as need, of a package that the build does without
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || wanted+=("$package")
}
header() { echo "#include <$1>" | c++ -E -x c++ -; }
jpeg_header() { printf '#include <cstdio>\n#include <jpeglib.h>\n' | c++ -E -x c++ -; }
python_header() {
  "${PYTHON:-python3}" -c 'import pathlib, sysconfig; (pathlib.Path(sysconfig.get_path("include")) / "Python.h").stat()'
}
java_17() { local version; version=$(java -version 2>&1 | sed -nE '1s/.*"([0-9]+).*/\1/p') && [ "${version:-0}" -ge 17 ]; }
clang() { "$(command -v clang++-14 || command -v clang++)" "$@"; }
fuzzer_runtime() { compgen -G "$(clang -print-resource-dir)/lib/*/libclang_rt.fuzzer*.a"; }

need g++ c++ --version
need cmake cmake --version
need ninja-build ninja --version
need python3-dev python_header
need libjpeg-dev jpeg_header
need libpng-dev header png.h
need libwebp-dev header webp/decode.h
need openjdk-17-jre-headless java_17
need python3-venv "${PYTHON:-python3}" -c 'import ensurepip, venv'
for_classify=need
[ "${1:-build}" = build ] && for_classify=want
$for_classify libssl-dev header openssl/evp.h
$for_classify libzip-dev header zip.h
$for_classify nlohmann-json3-dev header nlohmann/json.hpp
if [ "${1:-build}" = test ]; then
  need libgtest-dev header gtest/gtest.h
fi
if [ "${1:-build}" = fuzz ]; then
  need clang-14 clang --version
  need libclang-rt-14-dev fuzzer_runtime
fi

[ $((${#missing[@]} + ${#wanted[@]})) -eq 0 ] && exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  sudo -n true 2>/dev/null && as_root=(sudo -n)
fi
may_install() { command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || [ ${#as_root[@]} -gt 0 ]; }; }
install() {
  echo "Installing system packages: $*" >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
if may_install; then
  "${as_root[@]}" apt-get update -qq || [ ${#missing[@]} -eq 0 ]
fi
if [ ${#missing[@]} -gt 0 ]; then
  may_install || { echo "Missing system packages. Run as an administrator: apt-get install ${missing[*]}" >&2; exit 2; }
  install "${missing[@]}"
fi
if [ ${#wanted[@]} -gt 0 ]; then
  { may_install && install "${wanted[@]}"; } ||
    echo "saccade-classify is left out. For it, run as an administrator: apt-get install ${wanted[*]}; then make classify" >&2
fi
