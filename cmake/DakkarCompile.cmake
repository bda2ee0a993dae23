# Language level, warnings and sanitizers, the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(DAKKAR_CCACHE ccache)
if(DAKKAR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the source tree do not count, so every build folder shares what was compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${DAKKAR_CCACHE})
endif()

# For those who work on Dakkar, whose compilers we know; CI sets it too.
option(DAKKAR_WERROR "Treat warnings as errors" OFF)

add_library(dakkar_flags INTERFACE)
target_compile_options(dakkar_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  $<$<BOOL:${DAKKAR_WERROR}>:-Werror>
  # g++ 12 sees overlapping copies in its own std::string at -O2 that cannot happen.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # Contraction would make a sum depend on the compiler's mood; kernels ask for FMA by name.
  -ffp-contract=off
  -fno-omit-frame-pointer)
target_include_directories(dakkar_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)

if(DAKKAR_SANITIZE)
  set(ignored ${CMAKE_SOURCE_DIR}/cmake/sanitizer_ignore.txt)
  target_compile_options(dakkar_flags INTERFACE
    -fsanitize=${DAKKAR_SANITIZE} -fno-sanitize-recover=all
    $<$<CXX_COMPILER_ID:Clang>:-fsanitize-ignorelist=${ignored}>)
  target_link_options(dakkar_flags INTERFACE -fsanitize=${DAKKAR_SANITIZE})
  # Asio's fences say nothing to ThreadSanitizer, which then reports races that are none.
  target_compile_definitions(dakkar_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
