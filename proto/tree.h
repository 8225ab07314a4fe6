/* tree.h — a cJSON tree as ordinary JSON text.
 *
 * cJSON's own printer writes some integers with an exponent, which strict readers refuse; this one writes through
 * jsonw, so that what it prints strict_parse() reads again as the same tree.
 */
#ifndef KEDGE_PROTO_TREE_H
#define KEDGE_PROTO_TREE_H

#include "proto/jsonw.h"

struct cJSON;

/* Write TREE as the value of NAME (NULL in arrays and at the root), members in their order in the tree. A tree that is
 * deeper than the writer, or holds a number that is no integer within +-(2^53-1), sets the sticky error of w->out. */
void tree_write(struct jsonw *w, const char *name, const struct cJSON *tree);
/* Member NAME of OBJECT; it is added as an empty object when it is not there. NULL: out of memory. */
struct cJSON *tree_object(struct cJSON *object, const char *name);
/* Set member NAME of OBJECT to ITEM, which is owned by OBJECT afterwards (and deleted on failure). KE_NOMEM. */
int tree_set(struct cJSON *object, const char *name, struct cJSON *item);

#endif
