#pragma once

#include <cstddef>
#include <functional>

namespace saccade {

/// Processors that this process may use; at least 1.
unsigned available_processors();

/// Calls body(index) once for every index below count, on at most `threads` threads including the caller's.
///
/// threads: 0 means available_processors(). Indices start in ascending order. Returns when all calls have returned.
/// The first exception is rethrown here; indices not yet started are then skipped. May be called from several threads
/// at once and after fork(): they share one process-wide pool, and the caller always makes progress by itself.
void parallel_for(std::size_t count, unsigned threads, const std::function<void(std::size_t)>& body);

}  // namespace saccade
