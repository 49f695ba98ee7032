# The linter (tests/lint/lint.py) over sources, compile commands and built objects.
find_program(INVAR_LINT_PYTHON NAMES python3)
if(INVAR_LINT_PYTHON)
  set(lint "${INVAR_LINT_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/lint.py")
  add_test(NAME lint/self-test COMMAND ${lint} self-test "${PROJECT_SOURCE_DIR}")
  add_test(NAME lint/sources COMMAND ${lint} sources "${PROJECT_SOURCE_DIR}")
  add_test(NAME lint/commands COMMAND ${lint} commands "${PROJECT_BINARY_DIR}/compile_commands.json")
  # Sanitizers add symbols and code of their own.
  if(NOT INVAR_SANITIZE)
    add_test(NAME lint/objects COMMAND ${lint} objects "${CMAKE_CURRENT_LIST_DIR}/allowed_symbols.txt"
      "$<TARGET_FILE:invar_kernels>" "$<TARGET_FILE:invar_runtime>")
  endif()
else()
  message(WARNING "No python3: the linter's tests are left out.")
endif()
