/* bodies.h — the bodies of records as the rows that they become. Strings point into the record's tree. */
#ifndef KEDGE_SERVER_API_BODIES_H
#define KEDGE_SERVER_API_BODIES_H

#include "proto/buf.h"
#include "proto/record.h"
#include "server-stub/store/store.h"

#define BODY_POLICIES_MAX 128
#define BODY_LABELS_MAX   64

/* The typed fields of one record; which is set follows from its kind. */
struct body {
	union {
		struct store_drift_in drift;
		struct store_refusal_in refusal;
		struct store_apply_in apply;
		struct store_status_in status;
	} in;
	struct buf json; /* writer or facts, as JSON text */
	struct store_policy_state *policies;
	struct store_label *labels;
	struct record_epoch epoch;
};

/* Read the body of R strictly, by proto/schema/record.schema.json. KE_SCHEMA and the like, the fault names the field.
 * body_clear() *RET in any case. */
int body_read(const struct record *r, struct body *ret, struct fault *f);
/* Let OUT point to the fields that were read. B must outlive OUT. */
void body_point(const struct record *r, const struct body *b, struct store_record *out);
void body_clear(struct body *b);

#endif
