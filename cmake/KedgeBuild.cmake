# Compiler settings that every target shares, and the two functions that make a folder's targets.
#   kedge_library(NAME SOURCES... [LINK LIBS...])   static library, include root = repository root
#   kedge_program(NAME SOURCES... [LINK LIBS...])   executable in <build>/bin
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(KEDGE_SANITIZE "build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(KEDGE_FUZZ "build the fuzz targets with libFuzzer (clang only)" OFF)
option(KEDGE_COVERAGE "build with gcov counters" OFF)

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(MD REQUIRED IMPORTED_TARGET libmd)
# Statically: it is small, and kedge-agent should not pay for loading one more library at every start.
find_library(MD_STATIC libmd.a REQUIRED)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(SSL REQUIRED IMPORTED_TARGET libssl)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
# Debian's libev ships no .pc file.
find_path(EV_INCLUDE_DIR ev.h REQUIRED)
find_library(EV_LIBRARY ev REQUIRED)
add_library(kedge-ev INTERFACE)
target_include_directories(kedge-ev SYSTEM INTERFACE "${EV_INCLUDE_DIR}")
target_link_libraries(kedge-ev INTERFACE "${EV_LIBRARY}")

add_library(kedge-flags INTERFACE)
target_include_directories(kedge-flags INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(kedge-flags INTERFACE _GNU_SOURCE KEDGE_VERSION="${PROJECT_VERSION}")
target_compile_options(kedge-flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wdate-time
  -ffunction-sections -fdata-sections -fno-common -fstack-protector-strong -fno-strict-aliasing)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(kedge-flags INTERFACE -Wlogical-op -Wduplicated-cond -fstack-clash-protection)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(kedge-flags INTERFACE -fcf-protection)
endif()
target_link_options(kedge-flags INTERFACE
  -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections
  $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
if(KEDGE_SANITIZE OR KEDGE_FUZZ)
  target_compile_options(kedge-flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(kedge-flags INTERFACE -fsanitize=address,undefined)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(kedge-flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(KEDGE_FUZZ)
  target_compile_options(kedge-flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(KEDGE_COVERAGE)
  target_compile_options(kedge-flags INTERFACE --coverage)
  target_link_options(kedge-flags INTERFACE --coverage)
endif()

function(kedge_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC kedge-flags ${ARG_LINK})
endfunction()

function(kedge_program name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE kedge-flags ${ARG_LINK})
endfunction()
