/* poll.c — reads the managed keys and says what changed.
 *
 * Each key keeps an open descriptor and the kernel's last text; only a text that differs is parsed. A key whose interface
 * went and came again fails on the old descriptor and is opened anew. Writes nothing, judges nothing: drift.c does.
 * Called by the keeper's timer.
 */
#include "agent/watch/poll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MAX_MS 60000

struct slot {
	char *wanted, *policy; /* owned; the row's want points at them */
	struct procsys_key file;
	bool open;
	char *raw; /* the kernel's last text; NULL: none, or not what `now` was made from */
	size_t raw_len;
	char *now, *before;
};

struct poller {
	struct procsys *ps;
	size_t max_open, n_open;
	struct slot *slots;
	struct poll_row *rows; /* one for each slot */
	size_t *by_name;       /* indices, ordered by name */
	size_t n;
};

int poller_new(struct procsys *ps, size_t max_open, struct poller **ret)
{
	struct poller *p = calloc(1, sizeof *p);

	if (!p)
		return KE_NOMEM;
	p->ps = ps;
	p->max_open = max_open ? max_open : POLL_MAX_OPEN;
	*ret = p;
	return KE_OK;
}

static void slot_close(struct poller *p, struct slot *s)
{
	if (!s->open)
		return;
	procsys_key_close(&s->file);
	s->open = false;
	p->n_open--;
}

static void slots_free(struct poller *p, struct slot *slots, size_t n)
{
	for (size_t i = 0; slots && i < n; i++) {
		slot_close(p, &slots[i]);
		free(slots[i].wanted);
		free(slots[i].policy);
		free(slots[i].raw);
		free(slots[i].now);
		free(slots[i].before);
	}
	free(slots);
}

void poller_free(struct poller *p)
{
	if (!p)
		return;
	slots_free(p, p->slots, p->n);
	free(p->rows);
	free(p->by_name);
	free(p);
}

ptrdiff_t poller_find(const struct poller *p, const struct name *n)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = name_cmp(&p->rows[p->by_name[mid]].want.name, n);
		if (!cmp)
			return (ptrdiff_t)p->by_name[mid];
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

static int by_name_cmp(const void *a, const void *b, void *rows)
{
	const struct poll_row *r = rows;

	return name_cmp(&r[*(const size_t *)a].want.name, &r[*(const size_t *)b].want.name);
}

/* Fill NEW's arrays with copies of the wants. */
static int build(struct poller *new, const struct poll_want *wants, size_t n)
{
	new->slots = calloc(n + 1, sizeof *new->slots);
	new->rows = calloc(n + 1, sizeof *new->rows);
	new->by_name = calloc(n + 1, sizeof *new->by_name);
	if (!new->slots || !new->rows || !new->by_name)
		return KE_NOMEM;
	new->n = n;
	for (size_t i = 0; i < n; i++) {
		struct slot *s = &new->slots[i];
		s->wanted = strdup(wants[i].wanted);
		s->policy = strdup(wants[i].policy ? wants[i].policy : "");
		if (!s->wanted || !s->policy)
			return KE_NOMEM;
		new->rows[i].want = wants[i];
		new->rows[i].want.wanted = s->wanted;
		new->rows[i].want.policy = s->policy;
		new->by_name[i] = i;
	}
	qsort_r(new->by_name, n, sizeof *new->by_name, by_name_cmp, new->rows);
	return KE_OK;
}

/* What is known about a key moves from its old slot to its new one. */
static void inherit(struct slot *to, struct slot *from)
{
	to->file = from->file;
	to->open = from->open;
	to->raw = from->raw;
	to->raw_len = from->raw_len;
	to->now = from->now;
	from->open = false;
	from->raw = from->now = NULL;
}

int poller_set(struct poller *p, const struct poll_want *wants, size_t n)
{
	struct poller new = { .ps = p->ps, .max_open = p->max_open };
	int rc = build(&new, wants, n);

	if (rc) {
		slots_free(&new, new.slots, new.n);
		free(new.rows);
		free(new.by_name);
		return rc;
	}
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t old = poller_find(p, &wants[i].name);
		if (old >= 0)
			inherit(&new.slots[i], &p->slots[old]);
	}
	slots_free(p, p->slots, p->n); /* closes what was not inherited and counts it off */
	free(p->rows);
	free(p->by_name);
	new.n_open = p->n_open;
	*p = new;
	return KE_OK;
}

/* The kernel's text of slot S, through its descriptor or a new one. 0 or errno. */
static int slot_read(struct poller *p, struct slot *s, const struct name *n, const char **ret,
        size_t *ret_len, bool *reopened)
{
	int err = s->open ? procsys_key_read(&s->file, ret, ret_len) : 0;

	*reopened = s->open && err;
	if (s->open && !err)
		return 0;
	slot_close(p, s); /* its interface may be gone, and another one of that name there */
	if ((err = procsys_key_open(p->ps, n, PROCSYS_READ, &s->file)))
		return err;
	err = procsys_key_read(&s->file, ret, ret_len);
	if (!err && p->n_open < p->max_open) {
		s->open = true;
		p->n_open++;
	} else {
		procsys_key_close(&s->file);
	}
	return err;
}

/* Keep TEXT, and its canonical form as what the key holds now. */
static int slot_take(struct slot *s, const struct knob *knob, const char *text, size_t len)
{
	const struct value_shape *shape = knob ? &knob->shape : &value_shape_text;
	char *now;
	char *raw = malloc(len + 1);
	int rc = raw ? value_observed(shape, text, len, &now) : KE_NOMEM;

	if (rc) {
		free(raw);
		return rc;
	}
	memcpy(raw, text, len);
	raw[len] = '\0';
	free(s->raw);
	free(s->before);
	s->raw = raw;
	s->raw_len = len;
	s->before = s->now;
	s->now = now;
	return KE_OK;
}

static void slot_lose(struct slot *s)
{
	free(s->raw);
	free(s->before);
	s->raw = NULL;
	s->before = s->now;
	s->now = NULL;
}

static const struct value_shape *shape_of(const struct poll_want *w)
{
	return w->knob ? &w->knob->shape : &value_shape_text;
}

static int run_one(struct poller *p, size_t i)
{
	struct slot *s = &p->slots[i];
	struct poll_row *r = &p->rows[i];
	const char *text;
	size_t len;
	bool reopened, was_gone = r->err != 0;
	int rc = KE_OK;

	r->err = slot_read(p, s, &r->want.name, &text, &len, &reopened);
	r->reborn = !r->err && (reopened || was_gone);
	bool same = !r->err && s->now && s->raw && len == s->raw_len && memcmp(text, s->raw, len) == 0;
	if (r->err)
		slot_lose(s);
	else if (!same)
		rc = slot_take(s, r->want.knob, text, len);
	r->before = same ? s->now : s->before;
	r->observed = s->now;
	r->changed = r->before && r->observed && strcmp(r->before, r->observed) != 0;
	r->differs =
	        r->observed && !bound_holds(shape_of(&r->want), r->want.bound, r->want.wanted, r->observed);
	return rc;
}

int poller_run(struct poller *p, const struct poll_row **ret, size_t *ret_n)
{
	int rc = KE_OK;

	for (size_t i = 0; i < p->n && !rc; i++)
		rc = run_one(p, i);
	if (rc)
		return rc;
	*ret = p->rows;
	*ret_n = p->n;
	return KE_OK;
}

int poller_run_key(struct poller *p, const struct name *n, const struct poll_row **ret)
{
	ptrdiff_t i = poller_find(p, n);
	int rc = i < 0 ? KE_NOENT : run_one(p, (size_t)i);

	if (!rc)
		*ret = &p->rows[i];
	return rc;
}

int poller_expect(struct poller *p, const struct name *n, const char *value)
{
	ptrdiff_t i = poller_find(p, n);

	if (i < 0)
		return KE_OK;
	struct slot *s = &p->slots[i];
	char *now = strdup(value);
	if (!now)
		return KE_NOMEM;
	free(s->raw);
	free(s->now);
	free(s->before);
	s->raw = s->before = NULL;
	s->now = now;
	p->rows[i].before = NULL;
	p->rows[i].observed = now;
	return KE_OK;
}

int64_t poll_interval_ms(size_t keys, int64_t base_ms)
{
	if (keys <= POLL_FULL)
		return base_ms;
	if (base_ms > POLL_MAX_MS || keys > (size_t)POLL_MAX_MS * POLL_FULL)
		return base_ms > POLL_MAX_MS ? base_ms : POLL_MAX_MS;
	int64_t ms = base_ms * (int64_t)keys / POLL_FULL;
	return ms < POLL_MAX_MS ? ms : POLL_MAX_MS;
}

int64_t poll_due_ms(int64_t at, int64_t interval_ms, bool urgent)
{
	return urgent ? at : at + interval_ms;
}
