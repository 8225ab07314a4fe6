/* The body of an EST answer, from a server that may be anybody's: what is taken can be written again, and names in it can
 * be printed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "certs/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	STACK_OF(X509) * list;
	struct identity id;
	char *body, name[CERT_NAME_ROOM];
	size_t len;

	if (est_certs_decode((const char *)data, size, &list, NULL))
		return 0;
	for (int i = 0; i < sk_X509_num(list); i++) {
		cert_subject(sk_X509_value(list, i), name);
		if (strlen(name) >= sizeof name || strpbrk(name, "\n\r\033"))
			abort();
		cert_identity(sk_X509_value(list, i), &id, NULL);
	}
	if (est_certs_encode(list, &body, &len, NULL) == 0)
		free(body);
	cert_list_free(list);
	return 0;
}
