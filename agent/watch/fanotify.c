/* fanotify.c — the keeper's half: turns events into keys and pids.
 *
 * The kernel opens a descriptor for each event; its path names the key, its inode tells whose network namespace's value
 * it is. Whatever cannot be understood means that something may have changed, so the answer is "poll now", never an
 * error. At most FANOTIFY_BUDGET events a second are taken from the queue; the rest waits there, merged by the kernel.
 */
#include "agent/watch/fanotify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 64 /* events taken with one read */

bool fanotify_path_name(const char *text, struct name *ret)
{
	struct name n;

	if (strncmp(text, "/proc/", 6) == 0)
		text += 5;
	if (strncmp(text, "/sys/", 5) != 0)
		return false;
	text += 5;
	/* A path's first separator is '/', so that it is read as the path it is. */
	if (name_parse(text, strlen(text), &n, NULL) || strcmp(n.path, text) != 0 || name_is_pattern(&n))
		return false;
	*ret = n;
	return true;
}

/* What the open file FD is. */
static bool event_name(const struct fanotify_source *s, int fd, struct fanotify_event *e)
{
	char link[48], path[NAME_MAX_LEN + 64];
	struct stat theirs, ours;

	/* Above /proc/sys is the procfs that we know to be one. */
	snprintf(link, sizeof link, "../self/fd/%d", fd);
	ssize_t n = readlinkat(s->root_fd, link, path, sizeof path - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	if (!fanotify_path_name(path, &e->name))
		return false;
	/* While FD is open its dentry stays, so our look-up finds the same inode if it is the same value. */
	e->ours = !fstat(fd, &theirs) && !fstatat(s->root_fd, e->name.path, &ours, AT_SYMLINK_NOFOLLOW) &&
	          theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
	return true;
}

static bool seen_before(const struct fanotify_event *events, size_t n, const struct fanotify_event *e)
{
	for (size_t i = 0; i < n; i++)
		if (events[i].pid == e->pid && events[i].ours == e->ours &&
		        name_cmp(&events[i].name, &e->name) == 0)
			return true;
	return false;
}

/* One event; its descriptor is closed. */
static unsigned take(const struct fanotify_source *s, const struct fanotify_event_metadata *m,
        struct fanotify_event *events, size_t *n)
{
	struct fanotify_event e = { .pid = m->pid };

	if (m->mask & FAN_Q_OVERFLOW || m->fd < 0)
		return FANOTIFY_POLL_NOW;
	bool known = event_name(s, m->fd, &e);
	close(m->fd);
	if (!known)
		return FANOTIFY_POLL_NOW;
	if (!seen_before(events, *n, &e))
		events[(*n)++] = e;
	return 0;
}

/* Start a new second when one has passed; what is left of the budget. */
static unsigned budget_left(struct fanotify_source *s, int64_t now_ms)
{
	if (s->second_ms == INT64_MIN || now_ms - s->second_ms >= 1000 || now_ms < s->second_ms) {
		s->flooded = s->used >= FANOTIFY_BUDGET;
		s->used = 0;
		s->second_ms = now_ms;
	}
	return FANOTIFY_BUDGET - s->used;
}

/* What a failed read means. ENOENT: the writer's namespace is gone, its event is lost, the next one may be fine. */
static unsigned read_failed(int err, bool *ret_again)
{
	*ret_again = err == ENOENT || err == EINTR;
	switch (err) {
	case EAGAIN:
	case EINTR:
		return 0;
	case EBADF:
	case EINVAL:
	case EFAULT:
		return FANOTIFY_POLL_NOW | FANOTIFY_DEAD;
	default:
		return FANOTIFY_POLL_NOW;
	}
}

static unsigned take_batch(
        const struct fanotify_source *s, char *data, size_t len, struct fanotify_event *events, size_t *n)
{
	unsigned news = 0;

	while (len >= sizeof(struct fanotify_event_metadata)) {
		struct fanotify_event_metadata m;
		memcpy(&m, data, sizeof m);
		if (m.vers != FANOTIFY_METADATA_VERSION || m.event_len < sizeof m || m.event_len > len)
			return news | FANOTIFY_POLL_NOW | FANOTIFY_DEAD;
		news |= take(s, &m, events, n);
		data += m.event_len;
		len -= m.event_len;
	}
	return news;
}

unsigned fanotify_source_read(struct fanotify_source *s, int64_t now_ms, struct fanotify_event *events,
        size_t room, size_t *ret_n, int64_t *ret_resume_ms)
{
	const size_t one = sizeof(struct fanotify_event_metadata);
	char data[BATCH * sizeof(struct fanotify_event_metadata)];
	unsigned left = budget_left(s, now_ms), news = 0;
	bool again = true;
	size_t n = 0;

	while (again && left && n < room && !(news & FANOTIFY_DEAD)) {
		size_t want = room - n < BATCH ? room - n : BATCH;
		ssize_t got = read(s->fd, data, (left < want ? left : want) * one);
		unsigned used = 1; /* a failed read counts: errors must not keep us here */
		if (got > 0) {
			used = (unsigned)((size_t)got / one);
			news |= take_batch(s, data, (size_t)got, events, &n);
		} else {
			news |= read_failed(got ? errno : EBADF, &again);
			used = again;
		}
		s->used += used;
		left -= used < left ? used : left;
	}
	if (!left) {
		s->flooded = true;
		news |= FANOTIFY_FLOODED | FANOTIFY_POLL_NOW;
		*ret_resume_ms = s->second_ms + 1000;
	} else if (again && n == room) {
		news |= FANOTIFY_MORE;
	}
	*ret_n = n;
	return news;
}
