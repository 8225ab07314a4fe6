/* record.h — one signed report line, and the chain that the lines form.
 *
 * A record is one line of JSON, exactly in this order and without white space:
 *
 *   {"host":H,"epoch":16 hex,"seq":N,"prev":64 hex,"time":T,"boot_id":B,"kind":K,"body":{...},"sig":"128 hex"}
 *
 * The ed25519 signature covers the line's own bytes without the `,"sig":"..."` part, so nobody has to agree on a
 * canonical form; prev is the SHA-256 of the whole line before. A chain begins with seq 1, prev of zeros and kind "epoch",
 * whose body carries the public key of the records that follow. The keeper writes records; the server and
 * `kedge audit` read them.
 */
#ifndef KEDGE_PROTO_RECORD_H
#define KEDGE_PROTO_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/buf.h"
#include "proto/clock.h"
#include "proto/codec.h"
#include "proto/err.h"
#include "proto/reader.h"

struct signkey;

#define RECORD_MAX_BYTES 262144
#define RECORD_KEY_LEN   32

enum record_kind {
	RECORD_EPOCH,
	RECORD_APPLY,
	RECORD_DRIFT,
	RECORD_SOCKETS,
	RECORD_STATUS,
	RECORD_REFUSAL,
	RECORD_GAP,
	RECORD_OVERRIDE,
	RECORD_KINDS
};

/* "epoch", "apply", ...; never NULL for a kind of the enum. */
const char *record_kind_name(enum record_kind k);

/* Where a chain stands: what the next record must continue. */
struct chain {
	char host[64];
	uint64_t epoch;                 /* random; 0: no chain yet */
	int64_t seq;                    /* of the last record; 0: none */
	unsigned char head[SHA256_LEN]; /* SHA-256 of its line; zeros for none */
};

struct record {
	char host[64];
	uint64_t epoch;
	int64_t seq;
	unsigned char prev[SHA256_LEN];
	int64_t time;
	char boot_id[BOOT_ID_ROOM];
	enum record_kind kind;
	unsigned char digest[SHA256_LEN]; /* of the line */
	struct cJSON *tree;               /* owned; record_clear() */
	struct place doc;                 /* the root of tree */
	struct place body; /* its member "body"; refers to doc, so the struct must not be copied */
};

/* Append the next record of C to OUT (one line, with the newline) and advance C. BODY is a JSON object of BODY_LEN bytes
 * that is known to be well-formed. Codes: KE_TOOBIG (line over RECORD_MAX_BYTES), KE_NOMEM, KE_SYSTEM; C and OUT are
 * unchanged then. */
int record_append(struct chain *c, enum record_kind kind, int64_t time, const char *boot_id, const char *body,
        size_t body_len, const struct signkey *key, struct buf *out, struct fault *f);
/* Parse LINE (LEN bytes without the newline). The signature is not judged. Strict: member order, forms, kinds. Errors:
 * KE_SYNTAX, KE_SCHEMA, KE_TOOBIG, KE_RANGE. record_clear() *RET in any case. */
int record_parse(const char *line, size_t len, struct record *ret, struct fault *f);
/* Does LINE's signature verify with the raw ed25519 public KEY? 0, KE_SIGNATURE, KE_KEY. */
int record_verify(const char *line, size_t len, const unsigned char key[RECORD_KEY_LEN], struct fault *f);
/* Does R continue C? KE_CHAIN says what differs. On success C is advanced. */
int chain_continue(struct chain *c, const struct record *r, struct fault *f);
void record_clear(struct record *r);

/* The body of an "epoch" record. */
struct record_epoch {
	unsigned char key[RECORD_KEY_LEN];
	bool has_after; /* names the end of the chain before */
	uint64_t after_epoch;
	int64_t after_seq;
	unsigned char after_head[SHA256_LEN];
};
int record_epoch_read(const struct record *r, struct record_epoch *ret, struct fault *f);
/* Append the body as JSON. */
void record_epoch_write(const struct record_epoch *e, struct buf *out);
/* The raw public key of an ed25519 signkey. KE_KEY for other kinds. */
int record_key(const struct signkey *key, unsigned char ret[RECORD_KEY_LEN]);

#endif
