/* operator.c — certificates of people, by hand: a key and a request here, a signature there. Called by `kedge operator
 * request` and `kedge operator sign`. */
#include "certs/operator.h"

#include <string.h>
#include <unistd.h>

#include "certs/cert.h"

int operator_request(const char *name, const char *key_path, const char *passphrase, char **ret_pem,
        size_t *ret_len, struct fault *f)
{
	EVP_PKEY *key = NULL;
	int rc = hostid_check("operator name", name, f);

	if (rc)
		return rc;
	/* A key that is there may be the only copy of one in use. */
	if (access(key_path, F_OK) == 0)
		return fault_set(f, KE_EXIST, key_path, "give another name, or remove it first",
		        "there is a key already");
	rc = key_make(KEY_P256, &key, f);
	if (rc)
		return rc;
	rc = key_save(key_path, key, passphrase, f);
	if (!rc)
		rc = csr_make_pem(key, name, ret_pem, ret_len, f);
	key_free(key);
	return rc;
}

int operator_sign(const struct ca *ca, const void *request, size_t len, const char *fleet, const char *name,
        int64_t now, int64_t lifetime, X509 **ret, struct fault *f)
{
	struct csr csr;
	struct issue what = { .kind = PROFILE_OPERATOR, .now = now, .lifetime = lifetime };
	int rc = csr_parse(request, len, &csr, f);

	if (rc)
		return rc;
	if (name && csr.common_name[0] && strcmp(name, csr.common_name) != 0)
		rc = fault_set(f, KE_MISMATCH, NULL, "ask who sent it",
		        "the request is for '%s', not for '%.63s'", csr.common_name, name);
	else
		rc = identity_make(IDENTITY_OPERATOR, fleet, name ? name : csr.common_name, &what.id, f);
	what.key = csr.key;
	if (!rc)
		rc = issue_cert(ca, &what, ret, f);
	csr_free(&csr);
	return rc;
}
