/* writer.c — reads who a process is from /proc/PID, quickest to vanish first.
 *
 * The descriptor of the directory belongs to that one process: when it is gone, reads through it fail instead of telling
 * about the next process with the number. Only that the directory was opened in time has to be checked, with the
 * start time. Refuses nothing; what could not be read stays empty. Called by the keeper for each event.
 */
#include "agent/watch/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* At most SIZE - 1 bytes of the file NAME in DIR, NUL-terminated; the number of bytes, or -1. */
static ssize_t read_small(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return n < 0 && !len ? -1 : (ssize_t)len;
}

static int open_pid(const struct writer_options *opt, pid_t pid)
{
	char path[32];
	bool by_fd = opt->proc_fd >= 0;

	snprintf(path, sizeof path, by_fd ? "%d" : "/proc/%d", (int)pid);
	return openat(by_fd ? opt->proc_fd : AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool writer_parse_stat(
        const char *text, size_t len, char comm[WRITER_COMM_ROOM], pid_t *ret_ppid, uint64_t *ret_start)
{
	const char *open = memchr(text, '(', len), *close = memrchr(text, ')', len);
	char rest[1024], *save = NULL;
	size_t n;

	if (!open || !close || close < open)
		return false;
	/* The name may contain anything, ") S 1" too; what follows the last ')' is numbers. */
	n = (size_t)(text + len - (close + 1));
	if (n >= sizeof rest)
		n = sizeof rest - 1;
	memcpy(rest, close + 1, n);
	rest[n] = '\0';
	long long ppid = -1;
	unsigned long long start = 0;
	int field = 3;
	for (char *word = strtok_r(rest, " \n", &save); word && field <= 22;
	        word = strtok_r(NULL, " \n", &save)) {
		if (field == 4)
			ppid = strtoll(word, NULL, 10);
		if (field == 22)
			start = strtoull(word, NULL, 10);
		field++;
	}
	if (field <= 22 || ppid < 0 || ppid > 4194304)
		return false;
	n = (size_t)(close - open) - 1;
	if (n >= WRITER_COMM_ROOM)
		n = WRITER_COMM_ROOM - 1;
	memcpy(comm, open + 1, n);
	comm[n] = '\0';
	*ret_ppid = (pid_t)ppid;
	*ret_start = start;
	return true;
}

void writer_parse_cgroup(const char *text, size_t len, char cgroup[WRITER_CGROUP_ROOM])
{
	const char *best = NULL, *line = text, *end = text + len;
	size_t best_len = 0;

	while (line < end) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		const char *stop = nl ? nl : end;
		const char *c1 = memchr(line, ':', (size_t)(stop - line));
		const char *c2 = c1 ? memchr(c1 + 1, ':', (size_t)(stop - c1 - 1)) : NULL;
		if (c2) {
			size_t n = (size_t)(stop - c2 - 1);
			bool unified = c2 == c1 + 1 && n > 1;
			if (unified || n > best_len) {
				best = c2 + 1;
				best_len = n;
			}
			if (unified)
				break;
		}
		line = stop + 1;
	}
	if (best_len >= WRITER_CGROUP_ROOM)
		best_len = WRITER_CGROUP_ROOM - 1;
	if (best_len)
		memcpy(cgroup, best, best_len);
	cgroup[best_len] = '\0';
}

int64_t writer_parse_uid(const char *text, size_t len)
{
	const char *at = memmem(text, len, "\nUid:\t", 6);
	int64_t uid = 0;

	if (!at)
		return -1;
	for (at += 6; at < text + len && *at >= '0' && *at <= '9' && uid <= UINT32_MAX; at++)
		uid = uid * 10 + (*at - '0');
	return at < text + len && *at == '\t' && uid <= UINT32_MAX ? uid : -1;
}

static int64_t parse_loginuid(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	return end == text || v >= UINT32_MAX ? -1 : (int64_t)v;
}

/* Arguments joined by blanks. */
static void read_cmdline(int dir, struct writer *w)
{
	ssize_t n = read_small(dir, "cmdline", w->cmdline, sizeof w->cmdline);

	if (n <= 0)
		return;
	w->word_len = strlen(w->cmdline);
	while (n > 0 && !w->cmdline[n - 1])
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (!w->cmdline[i])
			w->cmdline[i] = ' ';
}

static bool read_stat(int dir, char comm[WRITER_COMM_ROOM], pid_t *ret_ppid, uint64_t *ret_start)
{
	char text[1024];
	ssize_t n = read_small(dir, "stat", text, sizeof text);

	return n > 0 && writer_parse_stat(text, (size_t)n, comm, ret_ppid, ret_start);
}

/* The parents of a process whose parent is PPID and that started at START. A parent starts before its child: a later
 * one has only its number. */
static void read_chain(const struct writer_options *opt, pid_t ppid, uint64_t start, struct writer *w)
{
	while (ppid > 0 && w->n_chain < WRITER_CHAIN_MAX) {
		char *comm = w->chain[w->n_chain].comm;
		uint64_t born;
		pid_t next;
		int dir = open_pid(opt, ppid);
		bool ok = dir >= 0 && read_stat(dir, comm, &next, &born) && born <= start;
		if (dir >= 0)
			close(dir);
		if (!ok) {
			comm[0] = '\0';
			return;
		}
		w->chain[w->n_chain++].pid = ppid;
		ppid = next;
		start = born;
	}
}

/* Everything that DIR, the directory of w->pid, tells. */
static void read_all(const struct writer_options *opt, int dir, struct writer *w)
{
	char text[4096];
	pid_t ppid = 0;
	ssize_t login = read_small(dir, "loginuid", text, sizeof text);

	if (login > 0)
		w->loginuid = parse_loginuid(text);
	ssize_t n = read_small(dir, "cgroup", text, sizeof text);
	if (n > 0)
		writer_parse_cgroup(text, (size_t)n, w->cgroup);
	bool stat = read_stat(dir, w->comm, &ppid, &w->start);
	read_cmdline(dir, w);
	if (stat)
		read_chain(opt, ppid, w->start, w);
	if ((n = read_small(dir, "status", text, sizeof text)) > 0)
		w->uid = writer_parse_uid(text, (size_t)n);
	w->state = stat || login > 0 || w->cgroup[0] ? WRITER_KNOWN : WRITER_GONE;
}

static void writer_blank(struct writer *w, pid_t pid, enum writer_state state)
{
	memset(w, 0, sizeof *w);
	w->state = state;
	w->pid = pid;
	w->loginuid = w->uid = -1;
}

/* *RET is blank, and the directory of PID is open; -1: there is nothing to read. */
static int begin(const struct writer_options *opt, pid_t pid, struct writer *ret)
{
	writer_blank(ret, pid, pid > 0 ? WRITER_GONE : WRITER_UNKNOWN);
	if (pid <= 0)
		return -1;
	for (size_t i = 0; i < opt->n_own; i++)
		if (opt->own[i] == pid) {
			ret->state = WRITER_OURSELVES;
			return -1;
		}
	return open_pid(opt, pid);
}

void writer_glance(const struct writer_options *opt, pid_t pid, const char *comm, struct writer *ret)
{
	char text[WRITER_COMM_ROOM];
	int dir = begin(opt, pid, ret);

	if (dir < 0)
		return;
	read_cmdline(dir, ret);
	ssize_t n = read_small(dir, "comm", text, sizeof text);
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	if (n > 0 && strcmp(text, comm) == 0) {
		snprintf(ret->comm, sizeof ret->comm, "%s", comm);
		ret->state = WRITER_KNOWN;
	} else {
		writer_blank(ret, pid, WRITER_GONE);
	}
	close(dir);
}

void writer_identify(const struct writer_options *opt, pid_t pid, struct writer *ret)
{
	int64_t tick = opt->tick_ms ? opt->tick_ms : 10;
	int dir = begin(opt, pid, ret);

	if (dir < 0)
		return;
	read_all(opt, dir, ret);
	close(dir);
	/* Started after the event was read: the number was given out again. */
	if (opt->event_ms && ret->start && ret->start > (uint64_t)(opt->event_ms / tick) + 1)
		writer_blank(ret, pid, WRITER_GONE);
}
