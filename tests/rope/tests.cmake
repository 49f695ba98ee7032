# prove_rope: every position, which takes minutes, so a program to run and not a test of every build.
if(TARGET invar_deps::mpfr)
  add_executable(prove_rope rope/prove_rope.cc rope/sweep.cc)
  target_compile_definitions(prove_rope PRIVATE INVAR_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_include_directories(prove_rope PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(prove_rope PRIVATE invar_runtime invar_oracle invar_options)
  set_target_properties(prove_rope PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
endif()
