# Sets DAKKAR_RAPIDJSON_INCLUDE to a folder whose RapidJSON every supported compiler accepts.
#
# RapidJSON 1.1.0 defines an assignment that writes to a const member. Nobody calls it, but clang
# 19 and later refuse it, so the build uses a copy of the headers without its body.
find_path(DAKKAR_RAPIDJSON_SYSTEM rapidjson/document.h REQUIRED)
set(DAKKAR_RAPIDJSON_INCLUDE ${DAKKAR_RAPIDJSON_SYSTEM})
file(READ ${DAKKAR_RAPIDJSON_SYSTEM}/rapidjson/document.h document)
set(flaw "operator=(const GenericStringRef& rhs) { s = rhs.s; length = rhs.length; }")
string(FIND "${document}" "${flaw}" flaw_place)
if(NOT flaw_place EQUAL -1)
  set(DAKKAR_RAPIDJSON_INCLUDE ${CMAKE_BINARY_DIR}/rapidjson_copy)
  if(NOT EXISTS ${DAKKAR_RAPIDJSON_INCLUDE}/rapidjson/document.h)
    file(COPY ${DAKKAR_RAPIDJSON_SYSTEM}/rapidjson DESTINATION ${DAKKAR_RAPIDJSON_INCLUDE})
    string(REPLACE "${flaw}" "operator=(const GenericStringRef& rhs) = delete;"
      document "${document}")
    file(WRITE ${DAKKAR_RAPIDJSON_INCLUDE}/rapidjson/document.h "${document}")
  endif()
endif()
