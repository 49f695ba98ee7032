# The program that tests/text/equality.py asks: compared with Hugging Face's tokenizers, which no build needs.
add_executable(tokenize_many text/tokenize_many.cc)
target_link_libraries(tokenize_many PRIVATE invar_runtime invar_options)
set_target_properties(tokenize_many PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
