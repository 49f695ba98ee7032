# The flags without which the contract (docs/numerics.md, section 1) does not hold, and the ones that break it.

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
foreach(flags "${CMAKE_CXX_FLAGS}" "${CMAKE_CXX_FLAGS_${build_type}}" "$ENV{CXXFLAGS}")
  if(flags MATCHES
     "-ffast-math|-Ofast|-funsafe-math-optimizations|-fassociative-math|-freciprocal-math|-ffinite-math-only|-fno-signed-zeros|-fsingle-precision-constant|-ffp-model=fast|-ffp-model=aggressive")
    message(FATAL_ERROR "The compiler flags '${flags}' contain ${CMAKE_MATCH_0}, which changes the results that Invar "
      "promises; remove it (Invar is no slower without).")
  endif()
endforeach()

# Options of a target come after the user's flags and win over them: an inherited -ffp-contract=fast is undone here.
# No errno: a square root is then the instruction (correctly rounded) and never a call into the math library.
set(INVAR_NUMERIC_FLAGS -ffp-contract=off -fno-math-errno)

# i686 without SSE computes in registers of 80 bits, which neither rounds nor adds as the contract says.
if(CMAKE_SIZEOF_VOID_P EQUAL 4 AND CMAKE_SYSTEM_PROCESSOR MATCHES "i[3-6]86|x86|AMD64")
  list(APPEND INVAR_NUMERIC_FLAGS -msse2 -mfpmath=sse)
endif()
