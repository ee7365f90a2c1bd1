# tt_embed_text(TARGET FILE NAME): compiles FILE into TARGET as `extern const char tt::embedded::NAME[]`.
function(tt_embed_text target file name)
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(READ "${source}" text)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/generated/${name}.cpp")
  file(CONFIGURE OUTPUT "${output}" @ONLY CONTENT
"namespace tt::embedded {
extern const char @name@[];
const char @name@[] = R\"EMBED(@text@)EMBED\";
}  // namespace tt::embedded
")
  target_sources(${target} PRIVATE "${output}")
endfunction()
