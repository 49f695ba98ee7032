# The libraries the project stands on, as targets invar_deps::<name>: the system's where it has them, otherwise fetched
# from upstream and checked by hash.
#
#   -DINVAR_SYSTEM_LIBS=OFF        fetch all of them even where the system has them
#   -DINVAR_SYSTEM_<NAME>=OFF      fetch one: HWY, EIGEN, JSON, CLI11, MBEDTLS, GTEST, BENCHMARK
#   -DINVAR_ARCHIVE_DIR=DIR        look for the archives in DIR first (also the environment variable); the hashes still
#                                  decide, so a mirror cannot change what is built
include(FetchContent)

option(INVAR_SYSTEM_LIBS "Use the system's libraries where present" ON)
set(INVAR_ARCHIVE_DIR "$ENV{INVAR_ARCHIVE_DIR}" CACHE PATH "Folder with archives of the libraries that the system lacks")
mark_as_advanced(FETCHCONTENT_BASE_DIR FETCHCONTENT_FULLY_DISCONNECTED FETCHCONTENT_QUIET FETCHCONTENT_UPDATES_DISCONNECTED)
set(FETCHCONTENT_QUIET ON)

foreach(name HWY EIGEN JSON CLI11 MBEDTLS GTEST BENCHMARK)
  option(INVAR_SYSTEM_${name} "Use the system's ${name} where present" ${INVAR_SYSTEM_LIBS})
  if(NOT INVAR_SYSTEM_LIBS)
    set(INVAR_SYSTEM_${name} OFF)
  endif()
endforeach()

# Declares what to fetch: the first of ARCHIVES ("file name|sha256") that lies in INVAR_ARCHIVE_DIR, otherwise URL, whose
# hash is that of the first. Several archives: a distribution's repacking of the same release has another hash.
function(invar_declare name)
  cmake_parse_arguments(A "" "URL" "ARCHIVES" ${ARGN})
  list(GET A_ARCHIVES 0 first)
  string(REGEX REPLACE ".*\\|" "" hash "${first}")
  set(url "${A_URL}")
  foreach(archive ${A_ARCHIVES})
    string(REGEX REPLACE "\\|.*" "" file "${archive}")
    if(INVAR_ARCHIVE_DIR AND EXISTS "${INVAR_ARCHIVE_DIR}/${file}")
      set(url "${INVAR_ARCHIVE_DIR}/${file}")
      string(REGEX REPLACE ".*\\|" "" hash "${archive}")
      break()
    endif()
  endforeach()
  message(STATUS "Fetching ${name} from ${url}")
  FetchContent_Declare(${name} URL "${url}" URL_HASH SHA256=${hash} DOWNLOAD_EXTRACT_TIMESTAMP OFF)
endfunction()

# Sources only: the library's own build files are not used, so that our flags reach everything that computes and nothing
# else of theirs comes along.
macro(invar_fetch_sources name)
  FetchContent_GetProperties(${name})
  if(NOT ${name}_POPULATED)
    FetchContent_Populate(${name})
  endif()
endmacro()

function(invar_interface name)
  add_library(invar_dep_${name} INTERFACE)
  add_library(invar_deps::${name} ALIAS invar_dep_${name})
endfunction()

# Highway: portable vectors.
invar_interface(hwy)
if(INVAR_SYSTEM_HWY)
  find_path(INVAR_HWY_INCLUDE hwy/highway.h)
  find_library(INVAR_HWY_LIBRARY hwy)
endif()
if(INVAR_SYSTEM_HWY AND INVAR_HWY_INCLUDE AND INVAR_HWY_LIBRARY)
  target_include_directories(invar_dep_hwy SYSTEM INTERFACE "${INVAR_HWY_INCLUDE}")
  target_link_libraries(invar_dep_hwy INTERFACE "${INVAR_HWY_LIBRARY}")
else()
  invar_declare(highway URL https://github.com/google/highway/archive/refs/tags/1.0.3.tar.gz
    ARCHIVES "highway_1.0.3.orig.tar.gz|566fc77315878473d9a6bd815f7de78c73734acdcb745c3dde8579560ac5440e")
  invar_fetch_sources(highway)
  file(GLOB highway_sources "${highway_SOURCE_DIR}/hwy/abort.cc")  # of later versions
  add_library(invar_hwy STATIC "${highway_SOURCE_DIR}/hwy/targets.cc" "${highway_SOURCE_DIR}/hwy/per_target.cc"
    "${highway_SOURCE_DIR}/hwy/aligned_allocator.cc" "${highway_SOURCE_DIR}/hwy/print.cc" ${highway_sources})
  target_include_directories(invar_hwy SYSTEM PUBLIC "${highway_SOURCE_DIR}")
  target_compile_definitions(invar_hwy PUBLIC HWY_STATIC_DEFINE)
  target_link_libraries(invar_dep_hwy INTERFACE invar_hwy)
endif()
# Everything that includes Highway says it alike: 1.0.3 refuses a baseline that has these instructions where nobody wants
# them (-march=native on a recent processor).
if(INVAR_AVX3_DL)
  target_compile_definitions(invar_dep_hwy INTERFACE HWY_WANT_AVX3_DL)
  if(TARGET invar_hwy)
    target_compile_definitions(invar_hwy PRIVATE HWY_WANT_AVX3_DL)
  endif()
endif()

# Eigen: layouts and the pool of threads.
invar_interface(eigen)
if(INVAR_SYSTEM_EIGEN)
  find_path(INVAR_EIGEN_INCLUDE Eigen/Core PATH_SUFFIXES eigen3)
endif()
if(INVAR_SYSTEM_EIGEN AND INVAR_EIGEN_INCLUDE)
  target_include_directories(invar_dep_eigen SYSTEM INTERFACE "${INVAR_EIGEN_INCLUDE}")
else()
  invar_declare(eigen URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.bz2
    ARCHIVES "eigen3_3.4.0.orig.tar.bz2|b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626")
  invar_fetch_sources(eigen)
  target_include_directories(invar_dep_eigen SYSTEM INTERFACE "${eigen_SOURCE_DIR}")
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "s390")
  target_compile_definitions(invar_dep_eigen INTERFACE EIGEN_DONT_VECTORIZE)  # Eigen 3.4's vectors do not compile there
endif()

# JSON for Modern C++.
invar_interface(json)
if(INVAR_SYSTEM_JSON)
  find_path(INVAR_JSON_INCLUDE nlohmann/json.hpp)
endif()
if(INVAR_SYSTEM_JSON AND INVAR_JSON_INCLUDE)
  target_include_directories(invar_dep_json SYSTEM INTERFACE "${INVAR_JSON_INCLUDE}")
else()
  invar_declare(json URL https://github.com/nlohmann/json/archive/refs/tags/v3.11.2.tar.gz
    ARCHIVES "nlohmann-json3_3.11.2.orig.tar.gz|d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273")
  invar_fetch_sources(json)
  target_include_directories(invar_dep_json SYSTEM INTERFACE "${json_SOURCE_DIR}/include")
endif()

# Mbed TLS: SHA-256.
invar_interface(sha256)
if(INVAR_SYSTEM_MBEDTLS)
  find_path(INVAR_MBEDTLS_INCLUDE mbedtls/sha256.h)
  find_library(INVAR_MBEDCRYPTO_LIBRARY mbedcrypto)
endif()
if(INVAR_SYSTEM_MBEDTLS AND INVAR_MBEDTLS_INCLUDE AND INVAR_MBEDCRYPTO_LIBRARY)
  target_include_directories(invar_dep_sha256 SYSTEM INTERFACE "${INVAR_MBEDTLS_INCLUDE}")
  target_link_libraries(invar_dep_sha256 INTERFACE "${INVAR_MBEDCRYPTO_LIBRARY}")
else()
  invar_declare(mbedtls URL https://github.com/Mbed-TLS/mbedtls/archive/refs/tags/mbedtls-2.28.3.tar.gz
    ARCHIVES "mbedtls-2.28.3.tar.gz|1a21008fc93e7bdce2cb40a8f2d7c7b4034d9160035382c29cf91af8f96f2cd9"
      "mbedtls_2.28.3.orig.tar.gz|3b4953aa55a681e084d31892d9904cc5328d6b4958ea57b90ae4b4f94ae69a8d")
  invar_fetch_sources(mbedtls)
  add_library(invar_sha256 STATIC "${mbedtls_SOURCE_DIR}/library/sha256.c" "${mbedtls_SOURCE_DIR}/library/platform_util.c")
  target_include_directories(invar_sha256 SYSTEM PUBLIC "${mbedtls_SOURCE_DIR}/include")
  target_link_libraries(invar_dep_sha256 INTERFACE invar_sha256)
endif()

# CLI11: the command line.
if(INVAR_BUILD_CLI)
  invar_interface(cli11)
  if(INVAR_SYSTEM_CLI11)
    find_path(INVAR_CLI11_INCLUDE CLI/CLI.hpp)
  endif()
  if(INVAR_SYSTEM_CLI11 AND INVAR_CLI11_INCLUDE)
    target_include_directories(invar_dep_cli11 SYSTEM INTERFACE "${INVAR_CLI11_INCLUDE}")
  else()
    invar_declare(cli11 URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.1.2.tar.gz
      ARCHIVES "CLI11-2.1.2.tar.gz|26291377e892ba0e5b4972cdfd4a2ab3bf53af8dac1f4ea8fe0d1376b625c8cb"
        "cli11_2.1.2+ds.orig.tar.xz|8143d20b688e98ccce8e24562d3b68e5f47c12e896c42c7ca8553dbde5bed55d")
    invar_fetch_sources(cli11)
    target_include_directories(invar_dep_cli11 SYSTEM INTERFACE "${cli11_SOURCE_DIR}/include")
  endif()
endif()

# GoogleTest, and MPFR as the reference for correct rounding.
if(INVAR_BUILD_TESTS)
  invar_interface(gtest)
  if(INVAR_SYSTEM_GTEST)
    find_package(GTest QUIET)
  endif()
  if(NOT (INVAR_SYSTEM_GTEST AND GTest_FOUND))
    invar_declare(googletest URL https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz
      ARCHIVES "googletest_1.12.1.orig.tar.gz|81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2")
    set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
    FetchContent_MakeAvailable(googletest)
  endif()
  target_link_libraries(invar_dep_gtest INTERFACE GTest::gtest)

  find_path(INVAR_MPFR_INCLUDE mpfr.h)
  find_library(INVAR_MPFR_LIBRARY mpfr)
  find_library(INVAR_GMP_LIBRARY gmp)
  if(INVAR_MPFR_INCLUDE AND INVAR_MPFR_LIBRARY AND INVAR_GMP_LIBRARY)
    invar_interface(mpfr)
    target_include_directories(invar_dep_mpfr SYSTEM INTERFACE "${INVAR_MPFR_INCLUDE}")
    target_link_libraries(invar_dep_mpfr INTERFACE "${INVAR_MPFR_LIBRARY}" "${INVAR_GMP_LIBRARY}")
  else()
    message(WARNING "MPFR is not installed (Debian: libmpfr-dev): the tests that compare with the oracle are left out.")
  endif()
endif()

# Google Benchmark.
if(INVAR_BUILD_BENCH)
  invar_interface(benchmark)
  if(INVAR_SYSTEM_BENCHMARK)
    find_package(benchmark QUIET)
  endif()
  if(NOT (INVAR_SYSTEM_BENCHMARK AND benchmark_FOUND))
    invar_declare(googlebenchmark URL https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz
      ARCHIVES "benchmark_1.7.1.orig.tar.gz|6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7")
    set(BENCHMARK_ENABLE_TESTING OFF CACHE BOOL "" FORCE)
    set(BENCHMARK_ENABLE_INSTALL OFF CACHE BOOL "" FORCE)
    FetchContent_MakeAvailable(googlebenchmark)
  endif()
  target_link_libraries(invar_dep_benchmark INTERFACE benchmark::benchmark)
endif()
