/* poll.h — the managed keys, read through descriptors that stay open.
 *
 * The ground truth of drift: netlink requests, coupled keys and other procfs instances raise no event. One run reads
 * every key of the plan; a key whose text did not change since the last run costs one pread and one comparison.
 */
#ifndef KEDGE_WATCH_POLL_H
#define KEDGE_WATCH_POLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/engine/procsys.h"
#include "policies/policy.h"

#define POLL_BASE_MS  1000
#define POLL_FULL     200 /* keys that are read every POLL_BASE_MS */
#define POLL_MAX_OPEN 512 /* descriptors kept; the keys behind are opened for each run */

/* A key to watch and whose wish it is. Strings are copied by poller_set(). */
struct poll_want {
	struct name name;
	const struct knob *knob; /* NULL: unknown; constant tables */
	enum value_bound bound;  /* of wanted */
	const char *wanted;      /* canonical, without the bound's sign */
	enum setting_mode mode;
	bool held; /* the host is on hold: told, never restored */
	const char *policy;
	int64_t version;
};

/* One key after a run. All strings belong to the poller and are valid until the next poller_run(), poller_expect() or
 * poller_set(). */
struct poll_row {
	struct poll_want want;
	const char
	        *before; /* canonical, as the run before saw it; NULL: not seen yet, or it was not readable */
	const char *observed; /* canonical, now; NULL: err */
	int err;              /* errno of open or read; ENOENT: not there */
	bool changed;         /* observed differs from before, both known */
	/* The key is another one of the same name than the last run saw, or was not there then: its interface went and came. What
	 * it holds is the kernel's own. */
	bool reborn;
	bool differs; /* observed is known and is not wanted: another value, or beyond the bound */
};

struct poller;

/* A poller without keys that reads through PS (borrowed). MAX_OPEN: descriptors to keep; 0: POLL_MAX_OPEN. */
int poller_new(struct procsys *ps, size_t max_open, struct poller **ret);
void poller_free(struct poller *p);
/* Watch exactly these N keys from now on. Keys that were watched before keep their descriptor and their last value. Names
 * are concrete (no patterns) and unique. KE_NOMEM; the poller is unchanged then. */
int poller_set(struct poller *p, const struct poll_want *wants, size_t n);
/* Read every key. *RET: one row a key in the order of poller_set(), valid until the next call; *RET_N of them. A key that
 * cannot be read is a row with err. KE_NOMEM. */
int poller_run(struct poller *p, const struct poll_row **ret, size_t *ret_n);
/* Read only key N, as after an event or a restore: *RET is its row. KE_NOENT: not watched. */
int poller_run_key(struct poller *p, const struct name *n, const struct poll_row **ret);
/* We have written VALUE (canonical) to key N ourselves: it is what the next run compares with as "before". Unwatched keys
 * are ignored. KE_NOMEM. */
int poller_expect(struct poller *p, const struct name *n, const char *value);
/* The row's index of key N, or -1. */
ptrdiff_t poller_find(const struct poller *p, const struct name *n);

/* Milliseconds between two runs of KEYS keys: BASE_MS up to POLL_FULL keys, then in proportion, so that the work a second
 * stays the same; at most 60 s. */
int64_t poll_interval_ms(size_t keys, int64_t base_ms);
/* When is the next run due? AT: boot_ms of the last run; URGENT: an event was lost, a read failed, a key changed. */
int64_t poll_due_ms(int64_t at, int64_t interval_ms, bool urgent);

#endif
