# Where the kernels come from: generated into the build tree, or the committed snapshot.
#
# Out: INVAR_GENERATED_DIR, INVAR_GENERATED_SOURCES, INVAR_PYTHON (empty where none can generate). Nothing but the target
# `regenerate` writes the source tree.

set(INVAR_CODEGEN_DIR "${PROJECT_SOURCE_DIR}/codegen")
set(INVAR_PYTHON "")

if(NOT INVAR_CODEGEN STREQUAL "OFF")
  # The interpreter on PATH need not be the one that has Jinja2.
  foreach(candidate python3 /usr/bin/python3 /usr/local/bin/python3 "${PROJECT_BINARY_DIR}/venv/bin/python3")
    execute_process(COMMAND ${candidate} -c "import jinja2, yaml" RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result EQUAL 0)
      set(INVAR_PYTHON "${candidate}")
      break()
    endif()
  endforeach()
  if(NOT INVAR_PYTHON AND INVAR_CODEGEN STREQUAL "ON")
    message(STATUS "No interpreter has Jinja2 and PyYAML: making a virtual environment")
    execute_process(COMMAND python3 -m venv "${PROJECT_BINARY_DIR}/venv" RESULT_VARIABLE result)
    if(result EQUAL 0)
      execute_process(COMMAND "${PROJECT_BINARY_DIR}/venv/bin/python3" -m pip install --quiet jinja2==3.1.6 pyyaml==6.0.2
        RESULT_VARIABLE result)
    endif()
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "INVAR_CODEGEN=ON needs a Python with Jinja2 and PyYAML, and none could be made; install them, "
        "or configure with -DINVAR_CODEGEN=OFF to compile the snapshot in generated/.")
    endif()
    set(INVAR_PYTHON "${PROJECT_BINARY_DIR}/venv/bin/python3")
  endif()
endif()

if(INVAR_PYTHON)
  set(INVAR_GENERATED_DIR "${PROJECT_BINARY_DIR}/generated")
  execute_process(COMMAND "${INVAR_PYTHON}" "${INVAR_CODEGEN_DIR}/generate.py" --list "${INVAR_KERNEL_LIST}" --list-outputs
    OUTPUT_VARIABLE outputs RESULT_VARIABLE result OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "codegen/generate.py could not read ${INVAR_KERNEL_LIST}; its message is above.")
  endif()
  string(REPLACE "\n" ";" outputs "${outputs}")
  list(TRANSFORM outputs PREPEND "${INVAR_GENERATED_DIR}/")
  file(GLOB templates CONFIGURE_DEPENDS "${INVAR_CODEGEN_DIR}/templates/*.j2")
  # A changed list may mean other files: configure again.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${INVAR_KERNEL_LIST}")
  set(stamp "${PROJECT_BINARY_DIR}/generated.stamp")
  add_custom_command(OUTPUT "${stamp}" BYPRODUCTS ${outputs}
    COMMAND "${INVAR_PYTHON}" "${INVAR_CODEGEN_DIR}/generate.py" --list "${INVAR_KERNEL_LIST}" --out "${INVAR_GENERATED_DIR}"
    COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
    DEPENDS "${INVAR_KERNEL_LIST}" "${INVAR_CODEGEN_DIR}/generate.py" ${templates}
    COMMENT "Generating kernels" VERBATIM)
  set(INVAR_GENERATED_SOURCES ${outputs} "${stamp}")
  list(FILTER INVAR_GENERATED_SOURCES INCLUDE REGEX "\\.(cc|stamp)$")
  add_custom_target(regenerate
    COMMAND "${INVAR_PYTHON}" "${INVAR_CODEGEN_DIR}/generate.py" --out "${PROJECT_SOURCE_DIR}/generated"
    COMMENT "Writing the snapshot in generated/" VERBATIM)
else()
  message(STATUS "Compiling the kernels of the snapshot in generated/")
  set(INVAR_GENERATED_DIR "${PROJECT_SOURCE_DIR}/generated")
  file(GLOB INVAR_GENERATED_SOURCES CONFIGURE_DEPENDS "${INVAR_GENERATED_DIR}/*.cc")
endif()
