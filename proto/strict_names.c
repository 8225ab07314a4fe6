/* strict_names.c — refuses an object that has a member name twice. Called by strict.c while it reads. */
#include "proto/strict_names.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define SMALL 8 /* names of an object that are compared one by one */

struct name_seen {
	size_t object; /* which object, counted as they open */
	size_t start;  /* in the arena */
	size_t len;
	size_t pos;    /* where it stands in the text, for the complaint */
	size_t before; /* index + 1 of the name before it in its object; 0: it is the first */
};

static int name_order(const struct names *names, const struct name_seen *a, const struct name_seen *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int cmp = n ? memcmp(names->text.data + a->start, names->text.data + b->start, n) : 0;

	return cmp ? cmp : a->len < b->len ? -1 : a->len > b->len;
}

struct names_object names_begin(struct names *names)
{
	return (struct names_object){ .object = ++names->objects, .ascending = true };
}

/* The newest name of O against those before it. */
static int compare(struct names *names, struct names_object *o)
{
	const struct name_seen *m = &names->seen[o->last - 1];

	if (m->before && o->ascending)
		o->ascending = name_order(names, &names->seen[m->before - 1], m) < 0;
	if (o->ascending || o->n > SMALL)
		return KE_OK;
	for (size_t at = m->before; at; at = names->seen[at - 1].before)
		if (name_order(names, &names->seen[at - 1], m) == 0)
			return KE_DUPLICATE;
	return KE_OK;
}

int names_add(struct names *names, struct names_object *o, size_t start, size_t pos)
{
	size_t len = names->text.len - start;

	buf_char(&names->text, '\0');
	if (names->text.rc)
		return names->text.rc;
	if (names->n == names->room) {
		size_t room = names->room ? names->room * 2 : 64;
		struct name_seen *more = realloc(names->seen, room * sizeof *more);
		if (!more)
			return KE_NOMEM;
		names->seen = more;
		names->room = room;
	}
	names->seen[names->n++] = (struct name_seen){ o->object, start, len, pos, o->last };
	o->last = names->n;
	o->n++;
	return compare(names, o);
}

void names_end(struct names *names, const struct names_object *o)
{
	/* What has been compared needs no sorting. Object 0 is none. */
	if (!o->ascending && o->n > SMALL)
		return;
	for (size_t at = o->last; at; at = names->seen[at - 1].before)
		names->seen[at - 1].object = 0;
}

static int seen_cmp(const void *pa, const void *pb, void *names)
{
	const struct name_seen *a = pa, *b = pb;

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	int cmp = name_order(names, a, b);
	return cmp ? cmp : a->pos < b->pos ? -1 : a->pos > b->pos;
}

int names_differ(struct names *names, size_t *ret_pos)
{
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++)
		if (names->seen[i].object)
			names->seen[n++] = names->seen[i];
	if (n < 2)
		return KE_OK;
	qsort_r(names->seen, n, sizeof *names->seen, seen_cmp, names);
	for (size_t i = 1; i < n; i++) {
		const struct name_seen *a = &names->seen[i - 1], *b = &names->seen[i];
		if (a->object == b->object && name_order(names, a, b) == 0) {
			*ret_pos = b->pos;
			return KE_DUPLICATE;
		}
	}
	return KE_OK;
}

void names_free(struct names *names)
{
	buf_free(&names->text);
	free(names->seen);
	names->seen = NULL;
	names->n = names->room = 0;
}
