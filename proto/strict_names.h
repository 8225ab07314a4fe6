/* strict_names.h — no member name twice in one object, found in n log n whatever the text. Used by strict.c only.
 *
 * Names are appended to one arena as they pass. An object whose names come in ascending order, as canonical JSON has them,
 * cannot hold one twice; of a small one each name is compared with the others as it comes. The names of all other objects
 * are sorted once at the end by (object, bytes), so that a hostile object of 100,000 names costs n log n and not n squared.
 */
#ifndef KEDGE_PROTO_STRICT_NAMES_H
#define KEDGE_PROTO_STRICT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/buf.h"

struct name_seen;

/* All objects of one document. names_free() it. */
struct names {
	struct buf text; /* the names, decoded, a NUL behind each */
	struct name_seen *seen;
	size_t n, room, objects;
};

/* The object that is being read: enough to know whether its names have to be sorted. */
struct names_object {
	size_t object, last, n; /* last: index + 1 of its newest name */
	bool ascending;
};

/* For a document of LEN bytes. Allocates nothing. */
#define NAMES_INIT(LEN) ((struct names){ .text = BUF_INIT((LEN) + 1) })

/* An object begins. Objects may be open inside each other. */
struct names_object names_begin(struct names *names);
/* The name that was appended to names->text from START on is the next of O; POS: where it stands in the document. Ends it
 * with a NUL. KE_DUPLICATE, KE_NOMEM, or what the arena says. */
int names_add(struct names *names, struct names_object *o, size_t start, size_t pos);
/* O is closed. */
void names_end(struct names *names, const struct names_object *o);
/* The document is read. KE_DUPLICATE: *RET_POS is where a name stands for the second time. */
int names_differ(struct names *names, size_t *ret_pos);
void names_free(struct names *names);

#endif
