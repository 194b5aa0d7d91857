#!/usr/bin/env bash
# Prints layouts.txt again from NVIDIA's CuTe headers: regenerate.sh > layouts.txt
# CUDA is the folder of the CUDA 13 tool chain that `make build/cuda/venv` fetches, CUTE
# that of CuTe's headers (pip install --no-deps nvidia-cutlass==4.2.0.0:
# cutlass_library/source/include).
set -euo pipefail
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"${CUDA:?}/bin/nvcc" -std=c++17 -arch=sm_90a -I"${CUTE:?}" -I"$CUDA/include" -L"$CUDA/lib" -lcudart_static -o "$out/cute" cute.cu
"$out/cute"
