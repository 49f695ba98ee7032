# Fuzz targets: every *_fuzz.cc, with its seeds in corpus/<name>/. An ordinary build replays the seeds as tests; with
# INVAR_FUZZ (clang) the targets are libFuzzer programs (./run fuzz), made of the sources that read files alone, so that no
# kernel is compiled for them.
file(GLOB fuzz_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/*_fuzz.cc")
if(INVAR_FUZZ)
  file(GLOB parsers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/runtime/base/*.cc" "${PROJECT_SOURCE_DIR}/runtime/weights/*.cc"
    "${PROJECT_SOURCE_DIR}/runtime/text/*.cc" "${PROJECT_SOURCE_DIR}/runtime/text/jinja/*.cc"
    "${PROJECT_SOURCE_DIR}/runtime/model/*config*.cc" "${PROJECT_SOURCE_DIR}/runtime/model/gguf_*.cc" "${PROJECT_SOURCE_DIR}/runtime/model/exact.cc")
  list(REMOVE_DUPLICATES parsers)
  add_library(invar_parsers STATIC ${parsers})
  target_include_directories(invar_parsers PUBLIC "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(invar_parsers PUBLIC invar_options invar_deps::json PRIVATE invar_deps::sha256 invar_deps::hwy)
endif()
foreach(source ${fuzz_sources})
  get_filename_component(name "${source}" NAME_WE)
  string(REPLACE "_fuzz" "" corpus "${name}")
  add_executable(${name} "${source}")
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
  if(INVAR_FUZZ)
    target_link_libraries(${name} PRIVATE invar_parsers)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE "${CMAKE_CURRENT_LIST_DIR}/replay_main.cc")
    target_link_libraries(${name} PRIVATE invar_runtime invar_deps::json invar_options)
    add_test(NAME fuzz/${corpus} COMMAND ${name} "${CMAKE_CURRENT_LIST_DIR}/corpus/${corpus}")
    set_tests_properties(fuzz/${corpus} PROPERTIES TIMEOUT 600)
  endif()
endforeach()
