#pragma once

/// Marks a function whose loops pay to be compiled again for wider vectors; the machine's best version runs.
/// Integer code only: its result is the same in every version.
/// Sanitizers instrument the resolvers, which run before the sanitizer is ready.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SACCADE_MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define SACCADE_MULTIVERSION
#endif
