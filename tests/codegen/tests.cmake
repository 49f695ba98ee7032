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
  # Both compile with the commands that Ninja's build has.
  if(NOT INVAR_SANITIZE AND CMAKE_GENERATOR MATCHES "Ninja" AND TARGET invar_oracle AND INVAR_BUILD_BENCH)
    add_test(NAME codegen/dummy_kernel COMMAND "${INVAR_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/dummy_kernel.py" "${PROJECT_SOURCE_DIR}"
      "${PROJECT_BINARY_DIR}")
  endif()
endif()
