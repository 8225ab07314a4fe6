/* tuf.h — the four roles of TUF 1.0.34 as structs.
 *
 * Each role has the same skeleton: tuf_X_parse() reads the verified signed part, tuf_X_free() frees. Strings point into
 * the tree of the envelope that was parsed, which must live longer. Unknown members are ignored here; they are covered
 * by the signature because the canonical form is made from the whole tree. Errors of all parsers: KE_SCHEMA, KE_RANGE,
 * KE_NAME, KE_DUPLICATE, KE_TOOBIG, KE_NOMEM, with the path of the member in the fault.
 */
#ifndef KEDGE_PROTO_TUF_H
#define KEDGE_PROTO_TUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec.h"
#include "proto/envelope.h"
#include "proto/reader.h"
#include "proto/wire.h"

/* What every role begins with; _type and spec_version (major version 1) were checked. */
struct tuf_header {
	int64_t version; /* 1..2^53-1 */
	int64_t expires; /* seconds since 1970; expired when now >= expires */
};
int tuf_header_parse(const struct place *at, const char *type, struct tuf_header *ret, struct fault *f);

/* Digests of one file. At least one is there when a hashes member was. */
struct tuf_hashes {
	bool any;     /* a hashes member was there */
	bool foreign; /* an algorithm that we do not know is among them: nothing ever matches */
	bool has_sha256, has_sha512;
	unsigned char sha256[SHA256_LEN], sha512[SHA512_LEN];
};
/* Reads the member "hashes" of AT: an object, not empty, lower-case hex. */
int tuf_hashes_parse(const struct place *at, struct tuf_hashes *ret, struct fault *f);

/* What one metadata file says about another. */
struct tuf_meta {
	const char *name; /* "targets.json", not percent-encoded */
	int64_t version;
	int64_t length; /* -1: not listed */
	struct tuf_hashes hashes;
};
int tuf_meta_parse(const struct place *at, struct tuf_meta *ret, struct fault *f);
/* Do LEN bytes of DATA have LENGTH (-1: any) and all HASHES? KE_MISMATCH, KE_NOMEM. */
int tuf_bytes_check(
        const void *data, size_t len, int64_t length, const struct tuf_hashes *hashes, struct fault *f);

/* A map of key ids to keys, sorted by id. */
struct tuf_keys {
	struct pubkey **list;
	size_t n;
};
/* Each id must be the one computed from its key object (KE_KEY). */
int tuf_keys_parse(const struct place *at, struct tuf_keys *ret, struct fault *f);
const struct pubkey *tuf_keys_find(const struct tuf_keys *keys, const char *keyid);
void tuf_keys_free(struct tuf_keys *keys);
/* Reads keyids and threshold of the role object AT. Ids that KEYS does not hold count for nothing. */
int tuf_signers_parse(
        const struct place *at, const struct tuf_keys *keys, struct signers *ret, struct fault *f);
void tuf_signers_free(struct signers *s);

enum tuf_top { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS, TUF_TOP_COUNT };
/* "root", "timestamp", "snapshot", "targets". */
extern const char *const tuf_top_names[TUF_TOP_COUNT + 1];

/* NAME as a piece of a URL or a file name: everything but A-Za-z0-9._~- becomes %XX. False when that is longer than
 * SIZE - 1 bytes. */
bool tuf_name_quote(const char *name, char *text, size_t size);
#define TUF_FILE_ROOM (TUF_ROLE_NAME_MAX + 32)
/* "role.json", or "7.role.json" when VERSION is not 0, with the role name quoted, into TEXT. Returns TEXT. */
char *tuf_file_name(const char *role, int64_t version, char text[TUF_FILE_ROOM]);

struct tuf_root {
	struct tuf_header header;
	bool consistent_snapshot;
	struct tuf_keys keys;
	struct signers roles[TUF_TOP_COUNT];
};
int tuf_root_parse(const struct place *at, struct tuf_root **ret, struct fault *f);
void tuf_root_free(struct tuf_root *root);
/* Was a key taken away from ROLE between OLD and NEW? (TUF 5.3.11) */
bool tuf_root_rotated(const struct tuf_root *old, const struct tuf_root *new, enum tuf_top role);

struct tuf_timestamp {
	struct tuf_header header;
	struct tuf_meta snapshot;
};
int tuf_timestamp_parse(const struct place *at, struct tuf_timestamp **ret, struct fault *f);
void tuf_timestamp_free(struct tuf_timestamp *ts);

struct tuf_snapshot {
	struct tuf_header header;
	struct tuf_meta *files; /* sorted by name */
	size_t n;
};
int tuf_snapshot_parse(const struct place *at, struct tuf_snapshot **ret, struct fault *f);
void tuf_snapshot_free(struct tuf_snapshot *snap);
/* The entry of ROLE ("targets", not "targets.json"), or NULL. */
const struct tuf_meta *tuf_snapshot_find(const struct tuf_snapshot *snap, const char *role);
/* May NEW follow OLD? Every file that OLD lists is in NEW with no lower version; KE_ROLLBACK names one that is not. */
int tuf_snapshot_follows(const struct tuf_snapshot *old, const struct tuf_snapshot *new, struct fault *f);

struct tuf_target {
	const char *path;
	int64_t length;
	struct tuf_hashes hashes;
	const struct cJSON *custom; /* the object "custom", or NULL */
};

struct tuf_delegation {
	const char *name;
	struct signers signers;
	bool terminating;
	bool by_hash;          /* patterns are prefixes of the hex SHA-256 of the target path */
	const char **patterns; /* allocated array, strings in the tree */
	size_t n;
};

struct tuf_targets {
	struct tuf_header header;
	struct tuf_target *targets; /* sorted by path */
	size_t n_targets;
	struct tuf_keys keys;
	struct tuf_delegation *delegations; /* in order of appearance, which is order of preference */
	size_t n_delegations;
};
int tuf_targets_parse(const struct place *at, struct tuf_targets **ret, struct fault *f);
void tuf_targets_free(struct tuf_targets *targets);
const struct tuf_target *tuf_targets_find(const struct tuf_targets *targets, const char *path);

#endif
