#!/usr/bin/env bash
# Builds the fuzzers and runs them in turn, an equal share of the time each: `run.sh SECONDS`. They start from corpus/
# and from what earlier runs found, which stays in native/build/fuzz/found. Exits with 1 at the first crash, leak,
# input that takes over 10 s or 512 MB, and says how to reproduce it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
here=$root/tests/native/fuzz
build=$root/native/build/fuzz
targets=(jpeg png webp prepare npz)
share=$((${1:?usage: run.sh SECONDS} / ${#targets[@]}))
clang=$(command -v clang++-14 || command -v clang++ || true)

[ "$share" -gt 0 ] || { echo "run.sh: ${#targets[@]} fuzzers need at least ${#targets[@]} seconds." >&2; exit 2; }
[ -n "$clang" ] || { echo "run.sh: clang is missing. Run as an administrator: apt-get install clang-14 libclang-rt-14-dev" >&2; exit 2; }

build_targets() {
    mkdir -p "$build"
    cmake --no-warn-unused-cli -G Ninja -S "$root/native" -B "$build" -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="${clang/++/}" \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DSACCADE_SANITIZE=fuzzer-no-link,address,undefined \
        -DSACCADE_BUILD_PYTHON=OFF -DSACCADE_BUILD_CLASSIFIER=OFF -DSACCADE_BUILD_TOOLS=ON -DSACCADE_BUILD_FUZZERS=ON >"$build.log" &&
        ninja -C "$build" >>"$build.log" || { cat "$build.log" >&2; exit 1; }
}

# The whole preparation reads its choices from the first eight bytes. Each file gets two: a crop of 33 x 25 of 49 pixels,
# and one of 3 x 3 of 4 pixels turned by orientation 6, for which most of a JPEG is not decoded.
prefixed_seeds() {
    local file name
    rm -rf "$build/seeds"
    mkdir -p "$build/seeds"
    for file in "$here"/corpus/*/*; do
        name=${file#"$here/corpus/"}
        { printf '\x30\x20\x18\x01\x00\xff\xfb\x40' && cat "$file"; } >"$build/seeds/large-${name/\//-}"
        { printf '\x03\x02\x02\x01\x06\xff\xfb\x40' && cat "$file"; } >"$build/seeds/small-${name/\//-}"
    done
}

fuzz() { # target, seed folder, further flags
    local target=$1 seeds=$2
    shift 2
    mkdir -p "$build/found/$target" "$build/crashes"
    "$build/fuzz/${target}_fuzz" -max_total_time="$share" -max_len=16384 -timeout=10 -rss_limit_mb=512 -detect_leaks=1 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$target-" "$@" "$build/found/$target" "$seeds" 2>"$build/$target.log" && return
    tail -n 60 "$build/$target.log" >&2
    crash=$(sed -n 's/.*Test unit written to //p' "$build/$target.log" | tail -n 1)
    echo "fuzz: $target failed${crash:+ on $crash. Reproduce: $build/fuzz/${target}_fuzz -rss_limit_mb=512 $crash}" >&2
    exit 1
}

build_targets
prefixed_seeds
for target in jpeg png webp; do fuzz "$target" "$here/corpus" -dict="$here/$target.dict"; done
fuzz prepare "$build/seeds"
fuzz npz "$here/npz" -dict="$here/npz.dict"
runs=$(for target in "${targets[@]}"; do
    sed -n "s/^stat::number_of_executed_units: */$target /p" "$build/$target.log"
done | paste -sd, | sed 's/,/, /g')
echo "fuzz: no crash, leak, or input over 10 s or 512 MB in ${share} s each; inputs tried: $runs"
