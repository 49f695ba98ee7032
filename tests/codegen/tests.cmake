# The generator and its snapshot.
add_test(NAME codegen/manifest COMMAND "${CMAKE_COMMAND}" "-DGENERATED=${PROJECT_SOURCE_DIR}/generated"
  -P "${CMAKE_CURRENT_LIST_DIR}/check_manifest.cmake")
if(INVAR_PYTHON)
  add_test(NAME codegen/repeats COMMAND "${INVAR_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/check_codegen.py" "${PROJECT_SOURCE_DIR}")
  # The functions' coefficients are what the script derives, where mpmath is installed (Debian: python3-mpmath).
  execute_process(COMMAND "${INVAR_PYTHON}" -c "import mpmath" RESULT_VARIABLE no_mpmath OUTPUT_QUIET ERROR_QUIET)
  if(NOT no_mpmath)
    add_test(NAME codegen/derive COMMAND "${INVAR_PYTHON}" "${PROJECT_SOURCE_DIR}/codegen/functions/derive.py" --check)
  endif()
  # A build of its own: once is enough, without sanitizers.
  if(NOT INVAR_SANITIZE AND TARGET invar_oracle)
    add_test(NAME codegen/dummy_kernel COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/dummy_kernel.sh" "${PROJECT_SOURCE_DIR}"
      "${PROJECT_BINARY_DIR}" "${CMAKE_COMMAND}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" -G "${CMAKE_GENERATOR}"
      "-DINVAR_SYSTEM_LIBS=${INVAR_SYSTEM_LIBS}" "-DINVAR_ARCHIVE_DIR=${INVAR_ARCHIVE_DIR}")
    set_tests_properties(codegen/dummy_kernel PROPERTIES TIMEOUT 1500 RUN_SERIAL ON)
  endif()
endif()
