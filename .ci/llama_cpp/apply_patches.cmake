# Applied to llama-cpp-python's unpacked sources before they are compiled: .ci/environment.py names
# this file as CMAKE_PROJECT_llama_cpp_INCLUDE, so CMake runs it right after their project().
#
# prefetch.patch: the kernels that multiply weights with 2 to 16 rows (several sequences that decode
# together, or drafts that are checked) read four rows of weights side by side, which the
# processor's own prefetcher does not foresee. Fetching the next tile by hand makes them up to twice
# as fast; the values computed are the same. Figures: docs/decisions.md, bench/batch_rows.py.
#
# attention.patch: attention on the CPU passes over cells that are masked out in blocks, by their
# bits, and computes only those rows of a tile that have cells in it. In a cache that sequences
# share, nearly all cells are another's: prompts were up to twice as slow for it.
# Figures: docs/decisions.md, bench/retained_cells.py.
#
# positions.patch: a sequence's rows in a batch may lie on both sides of cells that are there already.
# llama.cpp asks for rows without a gap, right behind the last cell, so a prompt with three placed
# passages took four batches instead of one. Without it the engine computes them one by one.
# Figures: docs/decisions.md, bench/passage_blocks.py.
#
# k_quants.patch: prompts and several sequences at once with Q4_K and Q6_K weights (Q4_K_M files, what most
# people have) on processors with AVX-512 VNNI, in kernels that use it: up to 2.3 times as fast.
# Figures: docs/decisions.md, bench/batch_rows.py.
#
# barrier.patch: threads that wait for one another sleep instead of spinning where other processes want
# the processor. Figures: docs/decisions.md, bench/batch_rows.py --busy.
#
# amx.patch: on processors with AMX llama.cpp crashed in its first batch of two tokens, and after
# another library had used AMX in the same thread; see there.
# Figures: docs/decisions.md.
#
# A source that a patch does not fit is compiled as it comes: slower, not wrong; without AMX where
# amx.patch is what does not fit.

macro(compile_without_amx)
    if(NOT MSVC)
        add_compile_options(-U__AMX_INT8__)
    endif()
endmacro()

find_program(PAPERLIGHT_PATCH patch)
find_program(PAPERLIGHT_GIT git)
if(PAPERLIGHT_PATCH)
    set(apply "${PAPERLIGHT_PATCH}" -p1 --forward --batch)
    set(check --dry-run -i)
    set(input -i)
elseif(PAPERLIGHT_GIT)
    # Outside of any repository: git apply passes over files that the one around it does not hold.
    get_filename_component(above "${CMAKE_SOURCE_DIR}" DIRECTORY)
    set(apply "${CMAKE_COMMAND}" -E env "GIT_CEILING_DIRECTORIES=${above}" "${PAPERLIGHT_GIT}" apply)
    set(check --check)
    set(input)
else()
    message(WARNING "Paperlight: neither `patch` nor `git` is there; llama.cpp is compiled as it comes")
    compile_without_amx()
    return()
endif()

file(GLOB patches "${CMAKE_CURRENT_LIST_DIR}/*.patch")
foreach(file IN LISTS patches)
    execute_process(
        COMMAND ${apply} ${check} "${file}"
        WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
        RESULT_VARIABLE misfit
        OUTPUT_VARIABLE answer
        ERROR_VARIABLE answer
    )
    if(misfit)
        message(WARNING "Paperlight: ${file} does not fit these sources:\n${answer}")
        if(file MATCHES "/amx.patch$")
            compile_without_amx()
        endif()
        continue()
    endif()
    execute_process(
        COMMAND ${apply} ${input} "${file}"
        WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
        COMMAND_ERROR_IS_FATAL ANY
    )
    message(STATUS "Paperlight: applied ${file}")
endforeach()
