/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's files besides the journal: folders, and the pid file whose lock makes sure that
 * there is only one daemon.
 */
#pragma once

#include "util/err.h"

/** Make the folder that path lies in, and those above it, as far as they are missing. */
int files_make_folder_of(const char *path, struct err *err);

/**
 * Lock the pid file and write our pid into it. The lock lasts as long as the process.
 * @return the open descriptor, or a negative error: another daemon has it
 */
int files_lock_pid(const char *path, struct err *err);
