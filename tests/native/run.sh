#!/bin/sh
# Builds and runs the C++ tests: `run.sh` plain, with AddressSanitizer and UndefinedBehaviorSanitizer, and with
# ThreadSanitizer; `run.sh plain|sanitize|thread` one of them. Build folders stay in native/build, so the second run is quick.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}

run() { # name, build type, sanitizers, with the classifier
    build=$root/native/build/test-$1
    cmake --no-warn-unused-cli -G Ninja -S "$root/native" -B "$build" -DCMAKE_BUILD_TYPE="$2" -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
        -DSACCADE_SANITIZE="$3" -DSACCADE_BUILD_PYTHON=OFF -DSACCADE_BUILD_CLASSIFIER="$4" -DSACCADE_BUILD_TESTS=ON \
        -DSACCADE_BUILD_TOOLS=ON -DSACCADE_WARNINGS_ARE_ERRORS=ON \
        -DPython_EXECUTABLE="$python" >"$build.log" || { cat "$build.log" >&2; exit 1; }
    ninja -C "$build" --quiet
    # A forked child may start threads, which ThreadSanitizer does not expect. OpenVINO's TBB loads its parts in a way that
    # AddressSanitizer refuses, unless it is told.
    TSAN_OPTIONS=die_after_fork=0 TBB_ENABLE_SANITIZERS=1 LSAN_OPTIONS=suppressions="$root/tests/native/lsan.supp" \
        ctest --test-dir "$build" --output-on-failure --parallel 2 >"$build.log" || {
        cat "$build.log" >&2
        exit 1
    }
    grep "tests passed" "$build.log" | sed "s/^/$1: /"
}

mkdir -p "$root/native/build"
case ${1:-all} in
    plain) run plain Release "" ON ;;
    sanitize) run sanitize Debug address,undefined ON ;;
    thread) run thread Debug thread OFF ;;
    all) "$0" plain && "$0" sanitize && "$0" thread ;;
    *) echo "usage: run.sh [plain|sanitize|thread]" >&2; exit 2 ;;
esac
