/* SPDX-License-Identifier: Apache-2.0 */
/* One agent over the in-memory stand-in of the hypervisor, and what tests ask of it. For tests only. */
#pragma once

#include "command/agent.h"
#include "command/command.h"
#include "store/store.h"

#define WAIT_MS 20000

extern char folder[]; /* state and consoles */
extern struct agent *agent;
extern struct err err;

/* Starts the agent over the stand-in, with what is in folder from the time before. */
void start_agent(void);
/* For TestSuite(): a new folder, an empty stand-in, an agent. */
void set_up(void);
void tear_down(void);
/* A small specification of this name. */
struct domain_spec spec_of(const char *name);
/* Runs a change and waits for its end. */
struct task_record change(enum command_kind kind, const char *domain);
/* The error of a change that is not taken. */
int refused(enum command_kind kind, const char *domain);
/* Creates a domain with a small specification; the task, which has ended if it did within wait_ms. */
struct task_record create(const char *name, bool start, unsigned wait_ms);
/* What the agent knows of a domain. */
struct domain_record look(const char *name);
/* Waits until the domain is in a state; the agent gets there by itself. */
void await(const char *name, enum domain_life state);
/* Waits until a task has ended. */
struct task_record outcome(const char *id);
/* Asks a task to end. */
void cancel(const char *id);
/* With the agent stopped: its store, as the test wants it. */
struct store *open_its_store(struct domain_record *web);
