#!/usr/bin/env bash
# Build llama-server from the sources that the installed llama-cpp-python was built from, so that
# both run the same kernels. Takes about 10 minutes on 2 cores.
#   bench/build_llama_server.sh [DIR]     default DIR: ~/.cache/paperlight-bench
# GPU: CMAKE_ARGS="-DGGML_CUDA=on" bench/build_llama_server.sh
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-$HOME/.cache/paperlight-bench}
python=.venv/bin/python
release=$($python -c 'from importlib.metadata import version; print(version("llama-cpp-python"))')
source="$dir/llama_cpp_python-$release"
mkdir -p "$dir"
if [ ! -d "$source" ]; then
  $python -m pip download -q --no-deps --no-binary :all: -d "$dir" "llama-cpp-python==$release"
  tar -xzf "$source.tar.gz" -C "$dir"
  # As it comes it crashes on processors with AMX; our other patches are not its.
  patch -p1 -d "$source" < .ci/llama_cpp/amx.patch
fi
# shellcheck disable=SC2086 # CMAKE_ARGS is a list of words
cmake -S "$source/vendor/llama.cpp" -B "$dir/llama-server-build" -DCMAKE_BUILD_TYPE=Release \
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF \
  -DBUILD_SHARED_LIBS=OFF ${CMAKE_ARGS:-}
cmake --build "$dir/llama-server-build" --target llama-server llama-bench -j "$(nproc)"
ln -sf llama-server-build/bin/llama-server "$dir/llama-server"
ln -sf llama-server-build/bin/llama-bench "$dir/llama-bench"
echo "$dir/llama-server"
