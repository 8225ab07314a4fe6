/* contest.c — counts restores and calls truces.
 *
 * A key remembers its last 12 restores; the limits are questions about that ring. In a contest the state is one of two:
 * truce (leave it until `until`), or probing (restored after a truce at `until`; when it drifts again before it stood for
 * a whole truce, the truce doubles). Times from the future, as after a clock that was set back, never extend a truce beyond
 * its own length. Called by drift_judge() and the keeper.
 */
#include "agent/watch/contest.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/jsonw.h"
#include "proto/reader.h"

struct row {
	struct name name;
	int64_t at[CONTEST_LONG_N]; /* of the last restores, oldest first */
	size_t n;
	int64_t truce; /* length in seconds; 0: not contested */
	int64_t until; /* truce: its end; probing: when the probe was made */
	bool probing;
};

struct contest {
	struct row *rows; /* ordered by name */
	size_t n, room;
};

int contest_new(struct contest **ret)
{
	struct contest *c = calloc(1, sizeof *c);

	if (!c)
		return KE_NOMEM;
	*ret = c;
	return KE_OK;
}

void contest_free(struct contest *c)
{
	if (!c)
		return;
	free(c->rows);
	free(c);
}

/* Where N is or belongs. */
static size_t place_of(const struct contest *c, const struct name *n)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (name_cmp(&c->rows[mid].name, n) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct row *find(const struct contest *c, const struct name *n)
{
	size_t i = place_of(c, n);

	return i < c->n && name_cmp(&c->rows[i].name, n) == 0 ? &c->rows[i] : NULL;
}

static void row_remove(struct contest *c, size_t i)
{
	memmove(c->rows + i, c->rows + i + 1, (c->n - i - 1) * sizeof *c->rows);
	c->n--;
}

/* Restores no longer than SPAN ago. */
static size_t recent(const struct row *r, int64_t now, int64_t span)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->at[i] <= now && now - r->at[i] < span;
	return n;
}

/* The end of R's truce; a clock that was set back must not make it longer than it is. */
static int64_t truce_end(const struct row *r, int64_t now)
{
	return r->until > now + r->truce ? now + r->truce : r->until;
}

static void truce_begin(struct row *r, int64_t truce, int64_t now)
{
	r->truce = truce > CONTEST_TRUCE_MAX ? CONTEST_TRUCE_MAX : truce;
	r->until = now + r->truce;
	r->probing = false;
}

enum contest_verdict contest_ask(struct contest *c, const struct name *n, int64_t now)
{
	struct row *r = find(c, n);

	if (!r)
		return CONTEST_RESTORE;
	if (r->truce && !r->probing) {
		r->until = truce_end(r, now);
		return now < r->until ? CONTEST_TRUCE : CONTEST_PROBE;
	}
	if (r->truce && now >= r->until && now - r->until < r->truce) {
		truce_begin(r, 2 * r->truce, now);
		return CONTEST_BEGINS;
	}
	if (r->truce) { /* the probe stood: a new start */
		r->truce = 0;
		r->probing = false;
		r->n = 0;
	}
	if (recent(r, now, CONTEST_SHORT_S) < CONTEST_SHORT_N &&
	        recent(r, now, CONTEST_LONG_S) < CONTEST_LONG_N)
		return CONTEST_RESTORE;
	truce_begin(r, CONTEST_TRUCE_MIN, now);
	return CONTEST_BEGINS;
}

/* Is there nothing left to remember about R? */
static bool quiet(const struct row *r, int64_t now)
{
	return recent(r, now, CONTEST_LONG_S) == 0 && (!r->truce || now - r->until > CONTEST_LONG_S);
}

static int row_insert(struct contest *c, const struct name *n, int64_t now, struct row **ret)
{
	for (size_t i = c->n; c->n >= CONTEST_MAX_KEYS && i-- > 0;)
		if (quiet(&c->rows[i], now))
			row_remove(c, i);
	if (c->n >= CONTEST_MAX_KEYS)
		return KE_TOOBIG;
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct row *rows = realloc(c->rows, room * sizeof *rows);
		if (!rows)
			return KE_NOMEM;
		c->rows = rows;
		c->room = room;
	}
	size_t i = place_of(c, n);
	memmove(c->rows + i + 1, c->rows + i, (c->n - i) * sizeof *c->rows);
	c->rows[i] = (struct row){ .name = *n };
	c->n++;
	*ret = &c->rows[i];
	return KE_OK;
}

int contest_restored(struct contest *c, const struct name *n, int64_t now)
{
	struct row *r = find(c, n);
	int rc = r ? KE_OK : row_insert(c, n, now, &r);

	if (rc)
		return rc;
	if (r->n == CONTEST_LONG_N)
		memmove(r->at, r->at + 1, --r->n * sizeof r->at[0]);
	r->at[r->n++] = now;
	if (r->truce && !r->probing) {
		r->probing = true;
		r->until = now;
	}
	return KE_OK;
}

bool contest_truce(const struct contest *c, const struct name *n, int64_t now, int64_t *ret_until)
{
	const struct row *r = find(c, n);

	if (!r || !r->truce || r->probing || now >= truce_end(r, now))
		return false;
	if (ret_until)
		*ret_until = truce_end(r, now);
	return true;
}

int64_t contest_next(const struct contest *c, int64_t now)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < c->n; i++) {
		const struct row *r = &c->rows[i];
		if (r->truce && !r->probing && truce_end(r, now) < next)
			next = truce_end(r, now);
	}
	return next;
}

void contest_forget(struct contest *c, const struct name *n)
{
	struct row *r = find(c, n);

	if (r)
		row_remove(c, (size_t)(r - c->rows));
}

void contest_write(const struct contest *c, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out, 0);

	jsonw_object(&w, NULL);
	jsonw_int(&w, "kedge_contest", 1);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < c->n; i++) {
		const struct row *r = &c->rows[i];
		jsonw_object(&w, NULL);
		jsonw_string(&w, "path", r->name.path);
		jsonw_int(&w, "truce", r->truce);
		jsonw_int(&w, "until", r->until);
		jsonw_bool(&w, "probing", r->probing);
		jsonw_array(&w, "restores");
		for (size_t k = 0; k < r->n; k++)
			jsonw_int(&w, NULL, r->at[k]);
		jsonw_array_end(&w);
		jsonw_object_end(&w);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

static int restores_read(const struct place *at, struct row *r, struct fault *f)
{
	struct place list, item = { 0 };
	int rc = read_array(at, "restores", &list, f);

	if (rc)
		return rc;
	if (place_count(&list) > CONTEST_LONG_N)
		return place_fault(&list, f, KE_SCHEMA, NULL, "has more than %d items", CONTEST_LONG_N);
	while (!rc && place_next(&list, &item))
		if (!(rc = place_int(&item, 0, STRICT_INT_MAX, &r->at[r->n], f)))
			r->n++;
	return rc;
}

static int row_read(const struct place *at, struct row *r, struct fault *f)
{
	static const char *const known[] = { "path", "truce", "until", "probing", "restores", NULL };
	const char *path;
	int rc;

	if ((rc = read_members(at, known, f)) || (rc = read_string(at, "path", 3, NAME_MAX_LEN, &path, f)) ||
	        (rc = read_int(at, "truce", 0, CONTEST_TRUCE_MAX, &r->truce, f)) ||
	        (rc = read_int(at, "until", 0, STRICT_INT_MAX, &r->until, f)) ||
	        (rc = read_bool(at, "probing", &r->probing, f)) || (rc = restores_read(at, r, f)))
		return rc;
	/* Read as text, the path must come out as itself. */
	if ((rc = name_parse(path, strlen(path), &r->name, f)))
		return rc;
	if (strcmp(path, r->name.path) != 0 || name_is_pattern(&r->name))
		return place_fault(at, f, KE_NAME, NULL, "'%s' is no key's path", path);
	return KE_OK;
}

static int rows_read(const struct place *keys, struct contest *c, struct fault *f)
{
	struct place item = { 0 };
	int rc = KE_OK;

	if (place_count(keys) > CONTEST_MAX_KEYS)
		return place_fault(keys, f, KE_TOOBIG, NULL, "has more than %d keys", CONTEST_MAX_KEYS);
	while (!rc && place_next(keys, &item)) {
		struct row r = { 0 }, *into;
		if ((rc = row_read(&item, &r, f)))
			break;
		if (find(c, &r.name))
			return place_fault(&item, f, KE_SCHEMA, NULL, "is given twice");
		if (!(rc = row_insert(c, &r.name, 0, &into)))
			*into = r;
	}
	return rc;
}

int contest_read(const char *text, size_t len, struct contest **ret, struct fault *f)
{
	static const struct strict_limits limits = {
		.max_bytes = CONTEST_TEXT_MAX, .max_nodes = 200000, .max_depth = 8
	};
	static const char *const known[] = { "kedge_contest", "keys", NULL };
	struct cJSON *tree = NULL;
	struct contest *c = NULL;
	struct place doc, keys;
	int64_t form;
	int rc = strict_parse(text, len, &limits, &tree, f);

	if (rc)
		return rc;
	doc = place_root(tree);
	if (!(rc = read_members(&doc, known, f)) && !(rc = read_int(&doc, "kedge_contest", 1, 1, &form, f)) &&
	        !(rc = read_array(&doc, "keys", &keys, f)) && !(rc = contest_new(&c)))
		rc = rows_read(&keys, c, f);
	cJSON_Delete(tree);
	if (rc)
		contest_free(c);
	else
		*ret = c;
	return rc;
}
