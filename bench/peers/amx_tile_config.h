// For llama.cpp's sources, included before them: GCC before 12.4 and 13.3 (its bug 114098) tells the optimiser that
// _tile_loadconfig reads 8 bytes of the 64 that configure AMX's tiles, and that _tile_storeconfig writes 8. It then sets the
// shapes of the tiles after they were loaded, and the first instruction on a tile is an illegal one.
#if defined(__GNUC__) && !defined(__clang__) && defined(__AMX_TILE__)
#include <immintrin.h>
#define _tile_loadconfig(config) __asm__ volatile("ldtilecfg\t%X0" : : "m"(*(const char(*)[64])(config)))
#define _tile_storeconfig(config) __asm__ volatile("sttilecfg\t%X0" : "=m"(*(char(*)[64])(config)))
#endif
