# Header libraries: the system's package first, else a pinned, hash-checked download.
# Debian, Ubuntu: apt-get install libxtensor-dev libxsimd-dev nlohmann-json3-dev catch2
include(FetchContent)
find_package(xsimd QUIET)
find_package(xtensor QUIET)
find_package(nlohmann_json QUIET)
add_library(tt_xsimd INTERFACE)
target_link_libraries(tt_xsimd INTERFACE xsimd)
