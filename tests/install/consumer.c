/* Packs a small matrix, multiplies it on every instruction set that this processor runs, and compares the bits. */
#include <invar/kernels.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kN = 33, kK = 300 };

int main(void) {
  size_t count = 0, compared = 0, i;
  const invar_kernel* kernels = invar_kernels(&count);
  const uint64_t panels = (kN + INVAR_PANEL - 1) / INVAR_PANEL;
  float* weights = malloc(kN * kK * sizeof(float));
  float* packed = malloc(invar_packed_size(kN, kK) * sizeof(float));
  float x[kK], first[kN];
  if (weights == NULL || packed == NULL) return 1;
  for (i = 0; i < kN * kK; ++i) weights[i] = (float)((int)(i * 7919 % 2001) - 1000) / 999.0f;
  for (i = 0; i < kK; ++i) x[i] = (float)((int)(i * 104729 % 201) - 100) / 97.0f;
  invar_pack_panels(INVAR_F32, kN, kK, weights, kK, 1, 0, panels, packed);
  for (i = 0; i < count; ++i) {
    const invar_kernel* kernel = &kernels[i];
    float y[kN];
    invar_matmul_args args = {0};
    if (kernel->family != INVAR_FAMILY_MATMUL || strcmp(kernel->type, "f32") != 0 || kernel->rows != 1) continue;
    if (!invar_isa_supported(kernel->isa)) continue;
    if (invar_self_test(kernel->isa) != NULL) return 1;
    args.k = kK;
    args.n = kN;
    args.panel_end = panels;
    args.lhs = x;
    args.rhs = packed;
    args.dst = y;
    args.dst_stride = kN;
    kernel->call.matmul(&args);
    if (compared == 0) memcpy(first, y, sizeof(y));
    if (memcmp(first, y, sizeof(y)) != 0) {
      printf("%s differs\n", kernel->isa);
      return 1;
    }
    ++compared;
  }
  printf("contract %d: %lu instruction sets, the same bits\n", INVAR_CONTRACT_VERSION, (unsigned long)compared);
  free(weights);
  free(packed);
  return compared > 0 ? 0 : 1;
}
