/* What an engine module, a shared library that is loaded at run time, and this library say to each other: C only, so
 * that both may be built by different compilers. Every change of this file is a new SACCADE_ENGINE_ABI_VERSION.
 *
 * A module exports the two functions at the end. Modules in C++ get them from engine_export.hpp. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SACCADE_ENGINE_ABI_VERSION 1U
#define SACCADE_ENGINE_MESSAGE_BYTES 1024

/* What went wrong: UTF-8 that ends with a zero byte, and what to do next. The caller's memory, written on failure. */
typedef struct {
    char text[SACCADE_ENGINE_MESSAGE_BYTES];
} saccade_engine_message;

/* What to open. Valid during the call only. */
typedef struct {
    const char* model; /* path of the file */
    int32_t height;    /* pixels */
    int32_t width;
    uint32_t threads; /* at least 1 */
} saccade_engine_request;

/* An open engine. The functions return 0, or anything else with a message. No exception may leave them. */
typedef struct {
    void* state; /* the module's own; only close frees it */
    uint64_t classes;
    uint64_t features;
    int32_t precision; /* 0 float32, 1 bfloat16, 2 int8 */
    /* images: (count, 3, height, width) float32.   logits: (count, classes).   features: (count, features), or null. */
    int32_t (*infer)(void* state, const float* images, uint64_t count, float* logits, float* features,
                     saccade_engine_message* message);
    void (*close)(void* state);
} saccade_engine;

/* SACCADE_ENGINE_ABI_VERSION of the module; asked before anything else. */
uint32_t saccade_engine_abi_version(void);

/* Fills engine and returns 0, or leaves nothing open and returns anything else with a message. */
int32_t saccade_engine_open(const saccade_engine_request* request, saccade_engine* engine,
                            saccade_engine_message* message);

#ifdef __cplusplus
}
#endif
