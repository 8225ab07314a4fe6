/* problem.h — what the server says when it refuses: RFC 9457 problem documents, and the answer to a batch. */
#ifndef KEDGE_AGENT_COURIER_PROBLEM_H
#define KEDGE_AGENT_COURIER_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#include "proto/err.h"

#define PROBLEM_TEXT_ROOM 320

/* "STATUS: DETAIL", with the detail of BODY's problem document, or its title, or nothing when it is none, into TEXT;
 * control characters become '?'. Returns TEXT. */
const char *problem_text(int status, const char *body, size_t len, char text[PROBLEM_TEXT_ROOM]);
/* The member "head" of a 409: "EPOCH SEQ HEAD" into TEXT. KE_SCHEMA when it is not {"epoch":hex16,"seq":n,"head":hex64}. */
int problem_head(const char *body, size_t len, char text[PROBLEM_TEXT_ROOM], struct fault *f);
/* {"acked":SEQ,"epoch":"hex16"} */
int acked_parse(const char *body, size_t len, int64_t *ret_seq, uint64_t *ret_epoch, struct fault *f);

#endif
