# tt_simd_kernel(FAMILY ISAS isa...): compiles kernels/FAMILY/FAMILY.simd.cpp once per instruction
# set of the target architecture, each with its own flags and namespace, and records the pair in
# the list that dispatch.cpp fills its tables from.
#
# One-definition rule: the linker keeps one copy of each weak symbol, possibly the AVX-512 one. So
# these files are always optimized (inlining leaves no weak symbols), include only simd.hpp and
# their contract header, and live in the namespace of their ISA. tools/check_weak_symbols.py
# verifies the objects.
set(TT_FLAGS_baseline "")
set(TT_FLAGS_avx2 -mavx2 -mfma -mbmi2 -mf16c)
set(TT_FLAGS_avx_vnni -mavx2 -mfma -mbmi2 -mf16c -mavxvnni)
set(TT_FLAGS_avx512 -mavx2 -mfma -mbmi2 -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd
                    -mprefer-vector-width=512)
set(TT_FLAGS_avx512_vnni ${TT_FLAGS_avx512} -mavx512vnni)
set(TT_FLAGS_avx512_bf16 ${TT_FLAGS_avx512_vnni} -mavx512bf16)
set(TT_FLAGS_amx ${TT_FLAGS_avx512_bf16} -mamx-tile -mamx-int8 -mamx-bf16)
set(TT_FLAGS_neon_dot -march=armv8.2-a+dotprod)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(TT_TARGET_ISAS baseline avx2 avx_vnni avx512 avx512_vnni avx512_bf16 amx)
  include(CheckCXXCompilerFlag)
  check_cxx_compiler_flag(-mavxvnni TT_COMPILER_HAS_AVXVNNI)  # GCC 11, Clang 12
  if(NOT TT_COMPILER_HAS_AVXVNNI)
    list(REMOVE_ITEM TT_TARGET_ISAS avx_vnni)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(TT_TARGET_ISAS baseline neon_dot)
else()
  set(TT_TARGET_ISAS baseline)
endif()

set(TT_FILL_LIST "${CMAKE_CURRENT_BINARY_DIR}/generated/tinytorch_kernel_fills.inc")

# What an object of one instruction set is compiled with.
function(tt_simd_options target isa)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cpp)
  target_link_libraries(${target} PRIVATE tt_flags tt_xsimd)
  target_compile_definitions(${target} PRIVATE TT_ISA=isa_${isa} TT_ISA_${isa}=1)
  # GCC 12 takes its own _mm512_undefined_ps for a mistake of ours.
  target_compile_options(${target} PRIVATE ${TT_FLAGS_${isa}} -O3
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized -Wno-maybe-uninitialized>)
  if(TINYTORCH_SANITIZE MATCHES "address")
    # Checked locals would put every accumulator in memory: minutes of compiling per file, and slow
    # tests. The pointers that a kernel is given are checked all the same.
    target_compile_options(${target} PRIVATE
      $<$<CXX_COMPILER_ID:GNU>:SHELL:--param asan-stack=0>
      $<$<CXX_COMPILER_ID:Clang>:SHELL:-mllvm -asan-stack=0>)
  endif()
endfunction()

function(tt_simd_kernel family)
  cmake_parse_arguments(ARG "" "" "ISAS" ${ARGN})
  foreach(isa IN LISTS ARG_ISAS)
    if(NOT isa IN_LIST TT_TARGET_ISAS)
      continue()
    endif()
    set(target tt_kernel_${family}_${isa})
    add_library(${target} OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/cpp/tinytorch/kernels/${family}/${family}.simd.cpp)
    tt_simd_options(${target} ${isa})
    target_sources(tt_kernels PRIVATE $<TARGET_OBJECTS:${target}>)
    set_property(GLOBAL APPEND_STRING PROPERTY TT_FILL_LINES "TT_FILL(${family}, ${isa})\n")
  endforeach()
endfunction()

function(tt_write_kernel_list)
  get_property(lines GLOBAL PROPERTY TT_FILL_LINES)
  file(CONFIGURE OUTPUT "${TT_FILL_LIST}" CONTENT "${lines}" @ONLY)
endfunction()
