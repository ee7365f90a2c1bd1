# Header libraries: the system's package first, else a pinned archive whose hash is checked.
# Everything the build may download is listed here and nowhere else. Only headers are used: no
# foreign CMake project is added, so none of their targets, install rules or warnings come along.
include(FetchContent)

set(TT_DEPENDENCY_PACKAGES libxtensor-dev libxsimd-dev nlohmann-json3-dev libstb-dev catch2)  # Debian, Ubuntu
set(TT_MISSING "")

# tt_header_library(NAME TARGET tt_x PACKAGE_TARGET t MIN a BELOW b FOLDER f INCLUDE dir URL u SHA256 h)
# Defines the INTERFACE library TARGET whose include path holds FOLDER/. System versions v with
# MIN <= v < BELOW are taken; else the archive at URL, whose headers lie in INCLUDE.
function(tt_header_library name)
  cmake_parse_arguments(ARG "" "TARGET;PACKAGE_TARGET;MIN;BELOW;FOLDER;INCLUDE;URL;SHA256" "" ${ARGN})
  add_library(${ARG_TARGET} INTERFACE)
  find_package(${name} CONFIG QUIET)
  if(${name}_FOUND AND ${name}_VERSION VERSION_GREATER_EQUAL ARG_MIN AND ${name}_VERSION VERSION_LESS ARG_BELOW)
    message(STATUS "${name} ${${name}_VERSION}: system package")
    get_target_property(include_dir ${ARG_PACKAGE_TARGET} INTERFACE_INCLUDE_DIRECTORIES)
    tt_stage_headers(include_dir ${ARG_FOLDER})
    set(${name}_VERSION "${${name}_VERSION}" PARENT_SCOPE)
  else()
    tt_fetch(${name} ${ARG_URL} ${ARG_SHA256} source_dir)
    if(NOT source_dir)
      list(APPEND TT_MISSING ${name})
      set(TT_MISSING "${TT_MISSING}" PARENT_SCOPE)
      return()
    endif()
    message(STATUS "${name}: ${ARG_URL}")
    set(include_dir "${source_dir}/${ARG_INCLUDE}")
    set(${name}_VERSION "${ARG_MIN}" PARENT_SCOPE)
  endif()
  target_include_directories(${ARG_TARGET} SYSTEM INTERFACE "${include_dir}")
endfunction()

# A cross compiler must not see the host's whole /usr/include: give it a folder that has FOLDER only.
function(tt_stage_headers dir_variable folder)
  if(CMAKE_CROSSCOMPILING)
    set(staged "${CMAKE_BINARY_DIR}/host-headers/${folder}")
    file(MAKE_DIRECTORY "${staged}")
    file(CREATE_LINK "${${dir_variable}}/${folder}" "${staged}/${folder}" SYMBOLIC)
    set(${dir_variable} "${staged}" PARENT_SCOPE)
  endif()
endfunction()

# Downloads and unpacks; sets OUT to the folder, or to "" when the download fails. The download is
# made here and not by FetchContent, whose failures end the configuration with pages of log.
function(tt_fetch name url sha256 out)
  string(TOUPPER ${name} upper)
  set(archive "${FETCHCONTENT_BASE_DIR}/archives/${name}-${sha256}.tar.gz")
  if(NOT FETCHCONTENT_SOURCE_DIR_${upper} AND NOT EXISTS "${archive}")
    file(DOWNLOAD ${url} "${archive}.part" INACTIVITY_TIMEOUT 20 TIMEOUT 300 STATUS status)
    list(GET status 0 code)
    set(actual "")
    if(code EQUAL 0)
      file(SHA256 "${archive}.part" actual)
    endif()
    if(NOT actual STREQUAL sha256)
      message(STATUS "${name}: ${url}: ${status} ${actual}")
      file(REMOVE "${archive}.part")
      set(${out} "" PARENT_SCOPE)
      return()
    endif()
    file(RENAME "${archive}.part" "${archive}")
  endif()
  # SOURCE_SUBDIR names a folder that is not there: unpack only, never add_subdirectory.
  FetchContent_Declare(${name} URL "${archive}" URL_HASH SHA256=${sha256}
                       DOWNLOAD_EXTRACT_TIMESTAMP OFF SOURCE_SUBDIR headers-only)
  FetchContent_MakeAvailable(${name})
  string(TOLOWER ${name} lower)
  set(${out} "${${lower}_SOURCE_DIR}" PARENT_SCOPE)
endfunction()

tt_header_library(xtl TARGET tt_xtl PACKAGE_TARGET xtl MIN 0.7 BELOW 0.8 FOLDER xtl INCLUDE include
  URL https://github.com/xtensor-stack/xtl/archive/refs/tags/0.7.2.tar.gz
  SHA256 95c221bdc6eaba592878090916383e5b9390a076828552256693d5d97f78357c)
tt_header_library(xtensor TARGET tt_xtensor PACKAGE_TARGET xtensor MIN 0.24 BELOW 0.26 FOLDER xtensor INCLUDE include
  URL https://github.com/xtensor-stack/xtensor/archive/refs/tags/0.24.3.tar.gz
  SHA256 3acde856b9fb8cf4e2a7b66726da541275d40ab9b002e618ad985ab97f08ca4f)
tt_header_library(xsimd TARGET tt_xsimd PACKAGE_TARGET xsimd MIN 8.1 BELOW 14 FOLDER xsimd INCLUDE include
  URL https://github.com/xtensor-stack/xsimd/archive/refs/tags/8.1.0.tar.gz
  SHA256 d52551360d37709675237d2a0418e28f70995b5b7cdad7c674626bcfbbf48328)
tt_header_library(nlohmann_json TARGET tt_json PACKAGE_TARGET nlohmann_json::nlohmann_json
  MIN 3.9 BELOW 4 FOLDER nlohmann INCLUDE single_include
  URL https://github.com/nlohmann/json/archive/refs/tags/v3.11.2.tar.gz
  SHA256 d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273)
# stb has neither versions nor a CMake package: its folder is looked for by a header.
add_library(tt_stb INTERFACE)
if(NOT CMAKE_DISABLE_FIND_PACKAGE_stb)
  find_path(STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb)
endif()
if(STB_INCLUDE_DIR)
  message(STATUS "stb: ${STB_INCLUDE_DIR}")
else()
  set(stb_url "https://deb.debian.org/debian/pool/main/libs/libstb/libstb_0.0~git20220908.8b5f1f3+ds.orig.tar.xz")
  tt_fetch(stb "${stb_url}" 6949c8ff9f86d982cff1b384f1301a731cbaf3b3fa4d1728c7b48a02386d31d8 STB_INCLUDE_DIR)
  if(STB_INCLUDE_DIR)
    message(STATUS "stb: ${stb_url}")
  else()
    list(APPEND TT_MISSING stb)
  endif()
endif()
target_include_directories(tt_stb SYSTEM INTERFACE "${STB_INCLUDE_DIR}")
if(TINYTORCH_BUILD_TESTS)
  set(newest_catch 4)
  if(CMAKE_CROSSCOMPILING)
    set(newest_catch 3)  # version 3 is a compiled library, the host's: no use to a cross build
  endif()
  tt_header_library(Catch2 TARGET tt_catch2 PACKAGE_TARGET Catch2::Catch2
    MIN 2.13 BELOW ${newest_catch} FOLDER catch2 INCLUDE single_include
    URL https://github.com/catchorg/Catch2/archive/refs/tags/v2.13.10.tar.gz
    SHA256 d54a712b7b1d7708bc7a819a8e6e47b2fde9536f487b89ccbca295072a7d9943)
  if(Catch2_VERSION VERSION_GREATER_EQUAL 3)
    target_link_libraries(tt_catch2 INTERFACE Catch2::Catch2)
  endif()
endif()

if(TT_MISSING)
  list(JOIN TT_MISSING ", " missing)
  list(JOIN TT_DEPENDENCY_PACKAGES " " packages)
  message(FATAL_ERROR
    "  Header libraries missing: ${missing}.\n"
    "  There is no system package that serves, and the download failed.\n"
    "  Either install the packages:     sudo apt-get install ${packages}\n"
    "  or let the build download them:  configure again where https://github.com can be reached.")
endif()

target_link_libraries(tt_xtensor INTERFACE tt_xtl)
if(NOT TARGET nlohmann_json::nlohmann_json)
  add_library(nlohmann_json::nlohmann_json ALIAS tt_json)
endif()
