# Planted defects (run_mutants.py). Catching all of them takes minutes: ./run test-mutants, and a leg of .ci/run. That each
# still applies to the sources, every build checks.
if(INVAR_PYTHON)
  add_test(NAME mutants/apply COMMAND "${INVAR_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/run_mutants.py" --check)
endif()
