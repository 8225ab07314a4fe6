/* writer.h — who is (or was) the process behind an event.
 *
 * A short-lived writer is gone within milliseconds, and its traces vanish in a known order; they are read in that order:
 * login uid, control group, name, command line, parents, user. Everything is read through one descriptor of
 * /proc/PID, so that a reused pid cannot mix two processes. Works without privileges; what cannot be read is left out.
 */
#ifndef KEDGE_WATCH_WRITER_H
#define KEDGE_WATCH_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WRITER_COMM_ROOM    64
#define WRITER_CGROUP_ROOM  256
#define WRITER_CMDLINE_ROOM 512
#define WRITER_CHAIN_MAX    8
#define WRITER_EXE_ROOM     64

enum writer_state {
	WRITER_UNKNOWN, /* no event named a process */
	WRITER_GONE,    /* exited before identified; pid is set */
	WRITER_KNOWN,
	WRITER_OURSELVES, /* one of our own processes: no drift */
};

struct writer {
	enum writer_state state;
	pid_t pid;
	int64_t loginuid;            /* -1: not set, or not known */
	int64_t uid;                 /* -1: not known */
	char comm[WRITER_COMM_ROOM]; /* "" : not known */
	char cgroup
	        [WRITER_CGROUP_ROOM]; /* path in the unified hierarchy (else the longest one); "": not known */
	char cmdline[WRITER_CMDLINE_ROOM]; /* arguments joined by blanks; "": not known */
	char exe[WRITER_EXE_ROOM]; /* last component of the program's path, where the event tells it; "": not known */
	size_t word_len;           /* bytes of the first argument in cmdline */
	uint64_t start;            /* clock ticks since boot; 0: not known */
	size_t n_chain;
	struct {
		pid_t pid;
		char comm[WRITER_COMM_ROOM];
	} chain[WRITER_CHAIN_MAX]; /* parents, nearest first */
};

struct writer_options {
	int proc_fd;      /* an open /proc; -1: "/proc" by its path */
	const pid_t *own; /* our own processes */
	size_t n_own;
	int64_t event_ms; /* boot time when the event was read; a process that started later is another one. 0: no guard */
	int64_t tick_ms; /* milliseconds of a clock tick; 0: 10 */
};

/* Identify PID into *RET (complete in every case). Bounded: some 6 small reads, 2 for each parent. System calls: openat,
 * read, close. */
void writer_identify(const struct writer_options *opt, pid_t pid, struct writer *ret);
/* The little that is left when an event has told all but the command line: *RET has it while PID still runs a program called
 * COMM, else only its number and WRITER_GONE, or WRITER_OURSELVES. 8 system calls instead of some 50. */
void writer_glance(const struct writer_options *opt, pid_t pid, const char *comm, struct writer *ret);

/* From /proc/PID/stat: name, parent and start time. false: not in the kernel's form. */
bool writer_parse_stat(
        const char *text, size_t len, char comm[WRITER_COMM_ROOM], pid_t *ret_ppid, uint64_t *ret_start);
/* From /proc/PID/cgroup. "" when there is nothing. */
void writer_parse_cgroup(const char *text, size_t len, char cgroup[WRITER_CGROUP_ROOM]);
/* From /proc/PID/status: the real uid, or -1. */
int64_t writer_parse_uid(const char *text, size_t len);

#endif
