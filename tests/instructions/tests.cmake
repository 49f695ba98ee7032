# Counts of instructions of each kernel (./run count-instructions, and a leg of .ci/run). Here is the program that makes the
# calls, which every build compiles, and a test that the check can fail; only one compiler's build is compared with the table.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}" build_flags)
if(INVAR_SANITIZE)
  string(APPEND build_flags " -fsanitize=${INVAR_SANITIZE}")
endif()
if(CMAKE_POSITION_INDEPENDENT_CODE)
  string(APPEND build_flags " -fPIC")
endif()
string(REPLACE "\"" "'" build_flags "${build_flags}")
add_executable(count_instructions "${CMAKE_CURRENT_LIST_DIR}/count_instructions_main.cc"
  "${PROJECT_SOURCE_DIR}/bench/kernel_calls.cc")
target_compile_definitions(count_instructions PRIVATE INVAR_BUILD_FLAGS="${build_flags}"
  INVAR_PROCESSOR="${CMAKE_SYSTEM_PROCESSOR}")
target_link_libraries(count_instructions PRIVATE invar_kernels invar_options)
set_target_properties(count_instructions PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
find_program(INVAR_LINT_PYTHON NAMES python3)
if(INVAR_LINT_PYTHON)
  add_test(NAME instructions/self_test COMMAND "${INVAR_LINT_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/check.py" --self-test)
endif()
