/* wish.h — what root asks a running daemon for, beyond questions without arguments: an override, a hold, or their end;
 * or what it knows of a key.
 *
 * A small JSON document in a sealed descriptor beside the frame (proto/schema/wish.schema.json). It comes from our own
 * command, but also from whatever else is root: it is read as strictly as anything else, so that a wish that is half understood
 * is never granted.
 */
#ifndef KEDGE_KEEPER_WISH_H
#define KEDGE_KEEPER_WISH_H

#include "agent/keeper/override.h"

#define WISH_MAX_BYTES 16384

enum wish_what { WISH_LIST, WISH_SET, WISH_END, WISH_HOLD, WISH_RELEASE, WISH_ABOUT };

struct wish {
	enum wish_what what;
	struct name key;    /* of SET, END and ABOUT */
	const char *value;  /* of SET, as it was written; the rest as below */
	const char *reason; /* of SET and HOLD */
	int64_t seconds;    /* likewise */
	struct cJSON *tree; /* owned; the texts point into it */
};

/* Read LEN bytes. KE_SYNTAX, KE_SCHEMA, KE_RANGE, KE_NAME (also for a pattern), KE_VALUE (the reason). wish_clear() *RET in any
 * case. */
int wish_parse(const char *text, size_t len, struct wish *ret, struct fault *f);
void wish_clear(struct wish *w);

#endif
