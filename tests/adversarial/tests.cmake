# campaign: cases drawn to break equality. Twenty million comparisons in every build (200,000 where
# INVAR_TEST_SCALE is small); a campaign of any length by hand
# (docs/testing.md).
if(TARGET invar_oracle)
  file(GLOB campaign_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/*.cc")
  list(FILTER campaign_sources EXCLUDE REGEX "_test\\.cc$")
  add_executable(campaign ${campaign_sources})
  target_link_libraries(campaign PRIVATE invar_runtime invar_oracle invar_options)
  set_target_properties(campaign PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  add_test(NAME adversarial/campaign COMMAND campaign --threads 2)
  set_tests_properties(adversarial/campaign PROPERTIES TIMEOUT 600)
endif()
