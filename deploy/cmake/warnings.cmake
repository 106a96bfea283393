# SPDX-License-Identifier: Apache-2.0
# project_warnings: link it to every target of ours. Generated and imported code does without.
# An unused parameter is no mistake here: functions that stand in one table have one shape.
add_library(project_warnings INTERFACE)
target_compile_options(project_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wno-unused-parameter;-Wshadow;-Wvla;-Wundef;-Wstrict-prototypes;-Wmissing-prototypes;-Wimplicit-fallthrough>)
if(NETHER_WERROR)
    target_compile_options(project_warnings INTERFACE $<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()
