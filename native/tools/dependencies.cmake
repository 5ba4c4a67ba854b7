# What saccade-classify needs beyond the library. Sets SACCADE_HAS_TOOL_DEPENDENCIES.
find_package(nlohmann_json 3.11 CONFIG QUIET)
find_package(OpenSSL 3.0 QUIET COMPONENTS Crypto)
# The package file that Debian ships with libzip names programs of other packages, and fails where they are not there.
find_path(ZIP_INCLUDE_DIR zip.h)
find_library(ZIP_LIBRARY zip)

if(nlohmann_json_FOUND AND OPENSSL_FOUND AND ZIP_INCLUDE_DIR AND ZIP_LIBRARY)
  set(SACCADE_HAS_TOOL_DEPENDENCIES TRUE)
  add_library(Zip::zip UNKNOWN IMPORTED)
  set_target_properties(Zip::zip PROPERTIES IMPORTED_LOCATION "${ZIP_LIBRARY}"
                                            INTERFACE_INCLUDE_DIRECTORIES "${ZIP_INCLUDE_DIR}")
else()
  set(SACCADE_HAS_TOOL_DEPENDENCIES FALSE)
  set(advice "saccade-classify needs nlohmann-json 3.11, OpenSSL 3 and libzip. On Debian and Ubuntu: "
             "apt install nlohmann-json3-dev libssl-dev libzip-dev")
  string(CONCAT advice ${advice})
  if(SACCADE_BUILD_TOOLS STREQUAL "AUTO")
    message(STATUS "${advice}. It is left out.")
  else()
    message(FATAL_ERROR "${advice}.")
  endif()
endif()
