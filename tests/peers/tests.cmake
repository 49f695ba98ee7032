# What ./run bench-peers says of what it measured (bench/peers/): its arithmetic, its comparison of bits, what it does with a
# worker that ends or says nothing. The standard library alone; nothing is installed or measured.
find_program(INVAR_LINT_PYTHON NAMES python3)
if(INVAR_LINT_PYTHON)
  add_test(NAME peers/self_test COMMAND "${INVAR_LINT_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/self_test.py" "${PROJECT_SOURCE_DIR}")
else()
  message(WARNING "No python3: the test of the comparison with other engines is left out.")
endif()
if(INVAR_BUILD_BENCH AND INVAR_LINT_PYTHON)  # whose folder comes later
  # Invar's own side, over the bundled checkpoints: its bits, and that it answers what the workers of others answer.
  add_test(NAME peers/invar_peer COMMAND "${INVAR_LINT_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/invar_peer_test.py"
    "${PROJECT_SOURCE_DIR}" "$<TARGET_FILE:invar_peer>")
endif()
