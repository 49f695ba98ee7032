# Everything is built already when tests run; a sanitized library needs its own flags in the consumer.
if(NOT INVAR_SANITIZE)
  add_test(NAME install/consumer COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/consumer.sh" "${PROJECT_SOURCE_DIR}"
    "${PROJECT_BINARY_DIR}" "${CMAKE_COMMAND}" "-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}"
    "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}")
endif()
