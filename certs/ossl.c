/* ossl.c — takes what OpenSSL left in its thread's error queue and makes one sentence of it. The queue is emptied each
 * time: what stays in it would be blamed on the next call. */
#include "certs/ossl.h"

#include <openssl/err.h>

int ossl_fault(struct fault *f, int code, const char *where, const char *what)
{
	unsigned long err = ERR_peek_last_error();
	const char *reason = err ? ERR_reason_error_string(err) : NULL;

	ERR_clear_error();
	if (err && ERR_GET_REASON(err) == ERR_R_MALLOC_FAILURE)
		return fault_set(f, KE_NOMEM, where, NULL, "%s", "");
	if (reason)
		return fault_set(f, code, where, NULL, "%s (%s)", what, reason);
	return fault_set(f, code, where, NULL, "%s", what);
}
