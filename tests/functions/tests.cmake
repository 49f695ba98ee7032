# prove_functions: every one of the 2^32 inputs of a function on an instruction set. It takes minutes, so it is a program
# to run (prove_functions --help), not a test of every build.
if(TARGET invar_deps::mpfr)
  add_executable(prove_functions functions/prove_functions.cc functions/harness.cc)
  target_compile_definitions(prove_functions PRIVATE HWY_COMPILE_ALL_ATTAINABLE)
  target_include_directories(prove_functions PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(prove_functions PRIVATE invar_runtime invar_oracle invar_options)
  set_target_properties(prove_functions PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
endif()

# The provers' arguments, and what ./run answers of itself.
if(TARGET invar_deps::mpfr AND INVAR_PYTHON)
  add_test(NAME functions/arguments COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/arguments.sh" "${PROJECT_SOURCE_DIR}"
    "${PROJECT_BINARY_DIR}/tests")
endif()
