// The instruction sets that Highway may compile, as a list to expand: X(constant, namespace suffix).
//
// Names that this Highway does not know are left out, so the list holds for every version.
#pragma once

#include "hwy/highway.h"

#define INVAR_TARGET_NONE(X)

#if (HWY_TARGETS & HWY_AVX3_DL)
#define INVAR_TARGET_AVX3_DL(X) X(HWY_AVX3_DL, N_AVX3_DL)
#else
#define INVAR_TARGET_AVX3_DL INVAR_TARGET_NONE
#endif
#if (HWY_TARGETS & HWY_AVX3)
#define INVAR_TARGET_AVX3(X) X(HWY_AVX3, N_AVX3)
#else
#define INVAR_TARGET_AVX3 INVAR_TARGET_NONE
#endif
#if (HWY_TARGETS & HWY_AVX2)
#define INVAR_TARGET_AVX2(X) X(HWY_AVX2, N_AVX2)
#else
#define INVAR_TARGET_AVX2 INVAR_TARGET_NONE
#endif
#if (HWY_TARGETS & HWY_SSE4)
#define INVAR_TARGET_SSE4(X) X(HWY_SSE4, N_SSE4)
#else
#define INVAR_TARGET_SSE4 INVAR_TARGET_NONE
#endif
#if (HWY_TARGETS & HWY_SSSE3)
#define INVAR_TARGET_SSSE3(X) X(HWY_SSSE3, N_SSSE3)
#else
#define INVAR_TARGET_SSSE3 INVAR_TARGET_NONE
#endif
#if (HWY_TARGETS & HWY_EMU128)
#define INVAR_TARGET_EMU128(X) X(HWY_EMU128, N_EMU128)
#else
#define INVAR_TARGET_EMU128 INVAR_TARGET_NONE
#endif
#if (HWY_TARGETS & HWY_SCALAR)
#define INVAR_TARGET_SCALAR(X) X(HWY_SCALAR, N_SCALAR)
#else
#define INVAR_TARGET_SCALAR INVAR_TARGET_NONE
#endif

// Best first.
#define INVAR_FOR_EACH_TARGET(X) \
  INVAR_TARGET_AVX3_DL(X)        \
  INVAR_TARGET_AVX3(X)           \
  INVAR_TARGET_AVX2(X)           \
  INVAR_TARGET_SSE4(X)           \
  INVAR_TARGET_SSSE3(X)          \
  INVAR_TARGET_EMU128(X)         \
  INVAR_TARGET_SCALAR(X)
