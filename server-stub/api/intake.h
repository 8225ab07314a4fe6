/* intake.h — NDJSON that a host sent becomes a batch for the store, or is refused with the line's number. */
#ifndef KEDGE_SERVER_API_INTAKE_H
#define KEDGE_SERVER_API_INTAKE_H

#include "server-stub/api/bodies.h"

#define INTAKE_BYTES_MAX   (1u << 20)
#define INTAKE_RECORDS_MAX 4096

struct intake_line {
	struct record record;
	struct body body;
	char prev[STORE_HEX_ROOM];
};

struct intake {
	struct intake_line *lines;
	struct store_record *records;
	size_t n;
	size_t line; /* being read: 1, 2, ...; for the complaint */
	char host[64], epoch[STORE_EPOCH_ROOM], after_epoch[STORE_EPOCH_ROOM];
	char record_key[STORE_HEX_ROOM], after_head[STORE_HEX_ROOM];
	struct store_batch batch; /* points into this struct and into the text */
};

/* Read LEN bytes of TEXT, which HOST sent and which must outlive RET: form, signature by the epoch's key, the chain
 * inside the batch, fields by kind. The batch's done and ctx are the caller's to set. intake_clear() *RET in any case.
 * KE_FORBIDDEN: another host's record; KE_FORK: an epoch that the store does not know, and no first record of it, or
 * one that the store knows with another key; KE_TOOBIG: too many lines; else a line is bad (ret->line). */
int intake_read(struct store *store, const char *host, const char *text, size_t len, struct intake *ret,
        struct fault *f);
void intake_clear(struct intake *in);

#endif
