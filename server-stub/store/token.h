/* token.h — what enrolling needs of the tokens. Private to the store. */
#ifndef KEDGE_SERVER_STORE_TOKEN_H
#define KEDGE_SERVER_STORE_TOKEN_H

#include "server-stub/store/impl.h"

/* Labels read from the database: they point into text, which the caller frees. */
struct token_labels {
	struct buf text;
	struct store_label labels[STORE_LABELS_MAX];
	size_t count;
};

/* Use up the token of E inside the transaction of DB. *RET_BOUND: it names the host. Codes: store_host_enrol(). */
int token_take(struct db *db, const struct store_enrolment *e, int64_t now, bool *ret_bound,
        struct token_labels *ret_labels, struct fault *f);
int token_labels_load(struct db *db, const char *id, struct token_labels *ret);
/* {"cert_sha256":..., "token":...}; TOKEN may be NULL. */
void cert_detail(struct buf *out, const char *cert_sha256, const char *token);

#endif
