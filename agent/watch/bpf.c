/* bpf.c — a consumer of the kernel's BPF ring buffer, which is two counters and a ring of records, and the keeper's side of
 * the shared page. What the kernel wrote is believed in its form; names and values in it are other people's and are checked
 * where they are used. Called by the keeper's loop. */
#include "agent/watch/bpf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A record begins with its length, whose two highest bits say "still being written" and "taken back", and four bytes that are
 * the kernel's; records are aligned to 8. (linux/bpf.h, BPF_RINGBUF_*) */
#define RING_BUSY    (1U << 31)
#define RING_DISCARD (1U << 30)
#define RING_HEADER  8U

#define FNV_OFFSET   UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME    UINT64_C(0x100000001b3)

struct bpf_reader {
	uint64_t *consumer; /* a page of our own: how far we have read */
	const unsigned char *
	        producer; /* a page of the kernel's: how far it wrote; then the data, mapped twice in a row */
	struct bpf_desk *desk;
	size_t page;
	uint64_t lost;     /* of the desk, at the last read */
	int64_t second_ms; /* start of the second that `used` counts; INT64_MIN: none yet */
	unsigned used;
	bool flooded;
};

static size_t desk_bytes(const struct bpf_reader *r)
{
	return (sizeof(struct bpf_desk) + r->page - 1) / r->page * r->page;
}

static void *map(size_t len, int prot, int fd, size_t off)
{
	void *at = mmap(NULL, len, prot, MAP_SHARED, fd, (off_t)off);

	return at == MAP_FAILED ? NULL : at;
}

int bpf_reader_open(int ring_fd, int desk_fd, struct bpf_reader **ret, struct fault *f)
{
	struct bpf_reader *r = calloc(1, sizeof *r);

	if (!r)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	r->page = (size_t)sysconf(_SC_PAGESIZE);
	r->second_ms = INT64_MIN;
	if (!(r->consumer = map(r->page, PROT_READ | PROT_WRITE, ring_fd, 0)) ||
	        !(r->producer = map(r->page + 2 * (size_t)BPF_RING_BYTES, PROT_READ, ring_fd, r->page)) ||
	        !(r->desk = map(desk_bytes(r), PROT_READ | PROT_WRITE, desk_fd, 0))) {
		int err = errno;
		bpf_reader_close(r);
		return fault_set(f, KE_SYSTEM, "bpf", NULL, "cannot map the events: %s", strerror(err));
	}
	r->lost = __atomic_load_n(&r->desk->lost, __ATOMIC_RELAXED);
	*ret = r;
	return KE_OK;
}

void bpf_reader_close(struct bpf_reader *r)
{
	if (!r)
		return;
	if (r->consumer)
		munmap(r->consumer, r->page);
	if (r->producer)
		munmap((void *)(uintptr_t)r->producer, r->page + 2 * (size_t)BPF_RING_BYTES);
	if (r->desk)
		munmap(r->desk, desk_bytes(r));
	free(r);
}

const struct bpf_desk *bpf_reader_desk(const struct bpf_reader *r)
{
	return r->desk;
}

bool bpf_reader_flooded(const struct bpf_reader *r, int64_t now_ms)
{
	/* Nobody reads when nothing comes any more. */
	return r->flooded && now_ms - r->second_ms < 2000;
}

static unsigned budget_left(struct bpf_reader *r, int64_t now_ms)
{
	if (r->second_ms == INT64_MIN || now_ms - r->second_ms >= 1000 || now_ms < r->second_ms) {
		r->flooded = r->used >= BPF_BUDGET;
		r->used = 0;
		r->second_ms = now_ms;
	}
	return BPF_BUDGET - r->used;
}

/* The next record, if it is whole: its LEN bytes, which are contiguous because the ring is mapped twice. *RET_DATA is NULL for
 * one that was taken back. */
static bool next_record(struct bpf_reader *r, const unsigned char **ret_data, uint32_t *ret_len)
{
	uint64_t mine = *r->consumer;
	uint64_t theirs = __atomic_load_n((const uint64_t *)(const void *)r->producer, __ATOMIC_ACQUIRE);
	const unsigned char *at = r->producer + r->page + (mine & (BPF_RING_BYTES - 1));

	if (mine >= theirs)
		return false;
	uint32_t head = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);
	if (head & RING_BUSY)
		return false;
	*ret_len = head & ~RING_DISCARD;
	*ret_data = head & RING_DISCARD ? NULL : at + RING_HEADER;
	return true;
}

static void record_done(struct bpf_reader *r, uint32_t len)
{
	uint64_t next = *r->consumer + (((uint64_t)len + RING_HEADER + 7) & ~UINT64_C(7));

	__atomic_store_n(r->consumer, next, __ATOMIC_RELEASE);
}

/* Throw away what is there: the poll will tell. */
static void drain(struct bpf_reader *r)
{
	const unsigned char *data;
	uint32_t len;

	while (next_record(r, &data, &len))
		record_done(r, len);
}

static unsigned lost_news(struct bpf_reader *r)
{
	uint64_t lost = __atomic_load_n(&r->desk->lost, __ATOMIC_RELAXED);
	bool more = lost != r->lost;

	r->lost = lost;
	return more ? BPF_POLL_NOW : 0;
}

unsigned bpf_reader_read(struct bpf_reader *r, int64_t now_ms, struct bpf_event *events, size_t room,
        size_t *ret_n, int64_t *ret_resume_ms)
{
	unsigned left = budget_left(r, now_ms), news = lost_news(r);
	const unsigned char *data;
	uint32_t len;
	size_t n = 0;

	while (left && n < room && next_record(r, &data, &len)) {
		if (data && len == sizeof events[n]) {
			memcpy(&events[n], data, sizeof events[n]);
			events[n].comm[BPF_COMM_ROOM - 1] = events[n].name[BPF_NAME_ROOM - 1] = '\0';
			events[n].value[BPF_VALUE_ROOM - 1] = events[n].exe[BPF_EXE_ROOM - 1] = '\0';
			n++;
		}
		record_done(r, len);
		left--;
		r->used++;
	}
	if (!left) {
		drain(r);
		r->flooded = true;
		news |= BPF_FLOODED | BPF_POLL_NOW;
		*ret_resume_ms = r->second_ms + 1000;
	} else if (n == room) {
		news |= BPF_MORE;
	}
	*ret_n = n;
	return news;
}

bool bpf_event_name(const struct bpf_event *e, struct name *ret)
{
	struct name n;

	/* A path's first separator is '/', so that it is read as the path it is. */
	if (e->name_status <= 0 || name_parse(e->name, strlen(e->name), &n, NULL) ||
	        strcmp(n.path, e->name) != 0 || name_is_pattern(&n))
		return false;
	*ret = n;
	return true;
}

/* Innermost first in the event; outermost first in a path. What lies above the levels that there is room for is "...". */
static void cgroup_path(const struct bpf_event *e, char path[WRITER_CGROUP_ROOM])
{
	size_t n = 0, levels = 0;

	while (levels < BPF_CGROUP_LEVELS && e->cgroup[levels][0] && strcmp(e->cgroup[levels], "/") != 0)
		levels++;
	if (levels == BPF_CGROUP_LEVELS)
		n = (size_t)snprintf(path, WRITER_CGROUP_ROOM, "...");
	for (size_t i = levels; i-- > 0 && n < WRITER_CGROUP_ROOM;)
		n += (size_t)snprintf(
		        path + n, WRITER_CGROUP_ROOM - n, "/%.*s", BPF_CGROUP_ROOM - 1, e->cgroup[i]);
	if (!levels)
		snprintf(path, WRITER_CGROUP_ROOM, "/");
}

static void parents(const struct bpf_event *e, struct writer *w)
{
	for (w->n_chain = 0; w->n_chain < BPF_PARENTS && e->parent_pid[w->n_chain]; w->n_chain++) {
		w->chain[w->n_chain].pid = (pid_t)e->parent_pid[w->n_chain];
		snprintf(w->chain[w->n_chain].comm, WRITER_COMM_ROOM, "%.*s", BPF_COMM_ROOM - 1,
		        e->parent_comm[w->n_chain]);
	}
}

void bpf_event_writer(const struct bpf_event *e, bool initial, struct writer *w)
{
	if (w->state == WRITER_OURSELVES)
		return;
	if (w->state != WRITER_KNOWN || strcmp(w->comm, e->comm) != 0) {
		/* Gone, or another program by now: its words would not be the writer's. */
		w->cmdline[0] = '\0';
		w->word_len = 0;
	}
	w->state = WRITER_KNOWN;
	w->pid = (pid_t)e->own_pid;
	w->uid = e->uid;
	snprintf(w->comm, sizeof w->comm, "%s", e->comm);
	if (!(e->flags & BPF_EVENT_KERNEL))
		return;
	w->loginuid = e->loginuid == UINT32_MAX ? -1 : (int64_t)e->loginuid;
	snprintf(w->exe, sizeof w->exe, "%s", e->exe);
	if (!w->cgroup[0])
		cgroup_path(e, w->cgroup);
	if (!w->n_chain && initial)
		parents(e, w);
}

uint64_t bpf_lock_hash(const char *path)
{
	char padded[BPF_NAME_ROOM] = { 0 };
	uint64_t h = FNV_OFFSET, word;

	snprintf(padded, sizeof padded, "%s", path);
	for (size_t i = 0; i < sizeof padded; i += sizeof word) {
		memcpy(&word, padded + i, sizeof word);
		h = (h ^ word) * FNV_PRIME;
	}
	h ^= h >> 32;
	return h ? h : 1;
}

static int lock_add(uint64_t table[BPF_LOCK_SLOTS], uint64_t hash)
{
	for (unsigned i = 0; i < BPF_LOCK_PROBES; i++) {
		uint64_t *slot = &table[(hash + i) & (BPF_LOCK_SLOTS - 1)];
		if (!*slot || *slot == hash) {
			*slot = hash;
			return KE_OK;
		}
	}
	return KE_TOOBIG;
}

int bpf_lock_set(struct bpf_reader *r, const struct name *keys, size_t n, pid_t writer)
{
	uint64_t table[BPF_LOCK_SLOTS] = { 0 };
	int rc = !n || r->desk->locks ? KE_OK : KE_UNSUPPORTED;

	if (n > BPF_LOCK_SLOTS / 2)
		rc = KE_TOOBIG;
	for (size_t i = 0; !rc && i < n; i++)
		rc = strlen(keys[i].path) < BPF_NAME_ROOM ? lock_add(table, bpf_lock_hash(keys[i].path))
		                                          : KE_TOOBIG;
	__atomic_store_n(&r->desk->n_locked, 0, __ATOMIC_SEQ_CST);
	if (rc || !n)
		return rc;
	for (size_t i = 0; i < BPF_LOCK_SLOTS; i++)
		__atomic_store_n(&r->desk->locked[i], table[i], __ATOMIC_RELAXED);
	__atomic_store_n(&r->desk->writer, (uint32_t)writer, __ATOMIC_RELAXED);
	__atomic_store_n(&r->desk->n_locked, (uint32_t)n, __ATOMIC_SEQ_CST);
	return KE_OK;
}
