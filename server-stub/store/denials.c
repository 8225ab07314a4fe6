/* denials.c — requests that were refused, counted per (who, reason, minute). Whoever may knock unauthenticated must not
 * be able to make the server sync its disk for each knock, nor to fill its memory: counts gather in a small table, what
 * does not fit is counted under "(others)", and the writer's thread stores them about once a second. */
#include "server-stub/store/impl.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 256 /* the last one is for the others */

struct denial {
	int64_t minute;
	uint64_t count;
	char who[128];
	char reason[64];
};

struct store_denials {
	pthread_mutex_t lock;
	size_t used;
	struct denial slots[SLOTS];
};

static void text_cut(char *to, size_t room, const char *text)
{
	size_t len = strnlen(text, room - 1);

	memcpy(to, text, len);
	to[len] = '\0';
}

/* Add COUNT to the slot of these; called with the lock held. */
static void slot_add(struct store_denials *d, const struct denial *add)
{
	for (size_t i = 0; i < d->used; i++) {
		struct denial *x = &d->slots[i];
		if (x->minute == add->minute && !strcmp(x->who, add->who) &&
		        !strcmp(x->reason, add->reason)) {
			x->count += add->count;
			return;
		}
	}
	if (d->used == SLOTS) { /* only "(others)" of an older minute can be the last: its minute moves on */
		d->slots[SLOTS - 1].count += add->count;
		d->slots[SLOTS - 1].minute = add->minute;
		return;
	}
	d->slots[d->used] = *add;
	if (d->used == SLOTS - 1) {
		text_cut(d->slots[d->used].who, sizeof add->who, "(others)");
		text_cut(d->slots[d->used].reason, sizeof add->reason, "");
	}
	d->used++;
}

void store_denial_count(struct store *s, const char *who, const char *reason, int64_t now)
{
	struct denial add = { .minute = now - now % 60, .count = 1 };

	text_cut(add.who, sizeof add.who, who);
	text_cut(add.reason, sizeof add.reason, reason);
	pthread_mutex_lock(&s->denials->lock);
	slot_add(s->denials, &add);
	pthread_mutex_unlock(&s->denials->lock);
}

int denials_make(struct store *s)
{
	s->denials = calloc(1, sizeof *s->denials);
	if (!s->denials)
		return KE_NOMEM;
	pthread_mutex_init(&s->denials->lock, NULL);
	return KE_OK;
}

void denials_free(struct store *s)
{
	if (!s->denials)
		return;
	pthread_mutex_destroy(&s->denials->lock);
	free(s->denials);
	s->denials = NULL;
}

bool denials_waiting(struct store *s)
{
	pthread_mutex_lock(&s->denials->lock);
	bool some = s->denials->used > 0;
	pthread_mutex_unlock(&s->denials->lock);
	return some;
}

static int denials_store(struct store *s, const struct denial *slots, size_t used)
{
	struct db *db;
	int rc = write_begin(s, &db, NULL);

	if (rc)
		return rc;
	rc = feed_lock(db); /* also: two processes count the same rows, each in its own order */
	for (size_t i = 0; i < used && !rc; i++)
		rc = db_run(db,
		        "INSERT INTO denials (minute, who, reason, count) VALUES ($1, $2, $3, $4)"
		        " ON CONFLICT (minute, who, reason) DO UPDATE SET count = denials.count + "
		        "excluded.count",
		        DB_ARGS(DB_I(slots[i].minute), DB_T(slots[i].who), DB_T(slots[i].reason),
		                DB_I((int64_t)slots[i].count)),
		        NULL);
	return write_end(s, db, rc, NULL);
}

void denials_flush(struct store *s)
{
	struct store_denials *d = s->denials;
	struct denial *copy = malloc(sizeof d->slots);

	if (!copy)
		return; /* they wait for the next time */
	pthread_mutex_lock(&d->lock);
	size_t used = d->used;
	memcpy(copy, d->slots, used * sizeof copy[0]);
	d->used = 0;
	pthread_mutex_unlock(&d->lock);
	if (denials_store(s, copy, used)) {
		pthread_mutex_lock(&d->lock);
		for (size_t i = 0; i < used; i++)
			slot_add(d, &copy[i]);
		pthread_mutex_unlock(&d->lock);
	}
	free(copy);
}

struct denial_walk {
	int (*row)(void *ctx, const struct store_denial *d);
	void *ctx;
};

static int denial_each(void *ctx, struct db *db, struct db_rows *rows)
{
	struct denial_walk *w = ctx;
	struct store_denial d = { .id = db_int(rows, 0),
		.minute = db_int(rows, 1),
		.who = db_text(rows, 2),
		.reason = db_text(rows, 3),
		.count = (uint64_t)db_int(rows, 4) };

	(void)db;
	return w->row(w->ctx, &d);
}

int store_denial_list(struct store *s, const struct store_page *page,
        int (*row)(void *ctx, const struct store_denial *d), void *ctx, struct fault *f)
{
	struct denial_walk w = { row, ctx };
	int rc = page_check(page->limit, f);

	if (rc)
		return rc;
	return walk(s,
	        page->newest ? "SELECT id, minute, who, reason, count FROM denials WHERE id < $1 ORDER BY id "
	                       "DESC LIMIT $2"
	                     : "SELECT id, minute, who, reason, count FROM denials WHERE id > $1 ORDER BY id "
	                       "LIMIT $2",
	        DB_ARGS(DB_I(page_cursor(page)), DB_I(page->limit)), denial_each, &w, f);
}
