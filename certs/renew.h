/* renew.h — when a certificate is to be renewed: pure arithmetic. */
#ifndef KEDGE_CERTS_RENEW_H
#define KEDGE_CERTS_RENEW_H

#include <stddef.h>
#include <stdint.h>

/* The second at which a certificate valid from NOT_BEFORE to NOT_AFTER should be renewed: after two thirds of its
 * life, plus a share of the next twelfth that depends only on SEED (a host id), so that hosts enrolled at one time do
 * not all come back at one time. Later than NOT_BEFORE, earlier than NOT_AFTER unless the two are equal. */
int64_t renew_time(int64_t not_before, int64_t not_after, const void *seed, size_t seed_len);
/* How many seconds to wait before try number ATTEMPT (0: the first failure) after a failed one at NOW: a minute,
 * doubling up to an hour, spread by SEED between half and the whole; never beyond a tenth of what is left of the life.
 * When nothing is left, half an hour to an hour. Never under ten seconds. */
int64_t renew_backoff(int64_t now, int64_t not_after, unsigned attempt, const void *seed, size_t seed_len);

#endif
