// The generated matmul with this folder's invar/tree.h, in a namespace of its own (bench/CMakeLists.txt).
#include "matmul_bf16.cc"
