# Applied to llama-cpp-python's unpacked sources before they are compiled: .ci/environment.py names
# this file as CMAKE_PROJECT_llama_cpp_INCLUDE, so CMake runs it right after their project().
#
# prefetch.patch: the kernels that multiply weights with 2 to 16 rows (several sequences that decode
# together, or drafts that are checked) read four rows of weights side by side, which the
# processor's own prefetcher does not foresee. Fetching the next tile by hand makes them up to twice
# as fast; the values computed are the same. Figures: docs/decisions.md, bench/batch_rows.py.
#
# A source that the patch does not fit is compiled as it comes: slower, not wrong.

find_program(PAPERLIGHT_PATCH patch)
if(NOT PAPERLIGHT_PATCH)
    message(WARNING "Paperlight: no `patch` program; llama.cpp is compiled without the prefetching kernels")
    return()
endif()

file(GLOB patches "${CMAKE_CURRENT_LIST_DIR}/*.patch")
foreach(file IN LISTS patches)
    set(command "${PAPERLIGHT_PATCH}" -p1 --forward --batch -i "${file}")
    execute_process(
        COMMAND ${command} --dry-run
        WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
        RESULT_VARIABLE misfit
        OUTPUT_VARIABLE answer
        ERROR_VARIABLE answer
    )
    if(misfit)
        message(WARNING "Paperlight: ${file} does not fit these sources:\n${answer}")
        continue()
    endif()
    execute_process(COMMAND ${command} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" COMMAND_ERROR_IS_FATAL ANY)
    message(STATUS "Paperlight: applied ${file}")
endforeach()
