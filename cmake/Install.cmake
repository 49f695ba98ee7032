# `cmake --install` gives find_package(invar) and the target invar::kernels.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS invar_kernels EXPORT invar-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/invar DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET invar_hwy)
  install(TARGETS invar_hwy ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
if(INVAR_BUILD_CLI)
  install(TARGETS invar RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(BUILD_SHARED_LIBS)
    install(TARGETS invar_runtime LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    set_target_properties(invar PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  endif()
endif()
set_target_properties(invar_kernels PROPERTIES EXPORT_NAME kernels)
install(EXPORT invar-targets NAMESPACE invar:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/invar)
configure_package_config_file(cmake/invar-config.cmake.in "${PROJECT_BINARY_DIR}/invar-config.cmake"
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/invar)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/invar-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/invar-config.cmake" "${PROJECT_BINARY_DIR}/invar-config-version.cmake"
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/invar)
