# Warnings and code generation for our own sources.
# -ffp-contract=off: a multiply-add is fused only where the source says so, so that results do not
# depend on what a compiler felt like. Never -ffast-math.
add_library(tt_flags INTERFACE)
target_compile_options(tt_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -Wno-sign-conversion -ffp-contract=off -fno-math-errno -fno-trapping-math
                       -ffunction-sections -fdata-sections)
if(TINYTORCH_SANITIZE)
  add_compile_options(-fsanitize=${TINYTORCH_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TINYTORCH_SANITIZE})
  add_compile_definitions(TINYTORCH_SANITIZED=1)
endif()
