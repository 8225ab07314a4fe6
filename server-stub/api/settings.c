/* settings.c — files named by the configuration become what requests need, all at once or not at all, so that a reload
 * with a broken file leaves the old settings in force. Called by api.c. */
#include "server-stub/api/settings.h"

#include <stdlib.h>
#include <string.h>

#include "certs/cert.h"
#include "certs/est.h"
#include "certs/tls.h"
#include "proto/fileio.h"
#include "proto/tuf.h"

/* The fingerprints of the CAs in PATH. */
static int prints_load(
        const char *path, unsigned char prints[API_CAS_MAX][SHA256_LEN], size_t *ret_n, struct fault *f)
{
	struct stack_st_X509 *list = NULL;
	int rc = cert_list_load(path, &list, f);
	size_t n = 0;

	if (rc)
		return rc;
	for (X509 *cert; !rc && (cert = cert_list_at(list, n)); n++) {
		if (n == API_CAS_MAX)
			rc = fault_set(f, KE_TOOBIG, path, NULL, "more than %d CAs", API_CAS_MAX);
		else
			rc = cert_fingerprint(cert, prints[n]);
	}
	if (!rc)
		*ret_n = n;
	cert_list_free(list);
	return rc;
}

/* The issuing CA, which must be among those that vouch for hosts: else what it issues could not call. */
static int issuer_load(const struct api_settings *from, struct settings *s, struct fault *f)
{
	unsigned char print[SHA256_LEN];
	int rc = ca_load(PROFILE_HOST_CA, from->host_ca_cert, from->host_ca_key, NULL, &s->host_ca, f);

	if (!rc)
		rc = cert_fingerprint(ca_cert(s->host_ca), print);
	for (size_t i = 0; !rc && i < s->n_host_cas; i++)
		if (memcmp(s->host_cas[i], print, sizeof print) == 0)
			return KE_OK;
	return rc ? rc
	          : fault_set(f, KE_MISMATCH, from->host_ca_cert, "add it to the file that host_ca names",
	                    "the issuing CA is not among the CAs that hosts are accepted from");
}

/* /cacerts: the server CA, which clients shall trust, and the CA that issues. */
static int cacerts_make(const struct api_settings *from, struct settings *s, struct fault *f)
{
	struct stack_st_X509 *chain = NULL, *both = NULL;
	X509 *last = NULL;
	int rc = tls_server_pin(from->server_cert, s->pin, f);

	if (!rc)
		rc = cert_list_load(from->server_cert, &chain, f);
	for (size_t i = 0; !rc && cert_list_at(chain, i); i++)
		last = cert_list_at(chain, i);
	if (!rc && cert_list_of(last, ca_cert(s->host_ca), &both))
		rc = fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if (!rc)
		rc = est_certs_encode(both, &s->cacerts, &s->cacerts_len, f);
	cert_list_free(both);
	cert_list_free(chain);
	return rc;
}

static int fill(const struct api_settings *from, struct settings *s, struct fault *f)
{
	size_t bytes = from->n_operators * sizeof *from->operators;
	int64_t lifetime;
	int rc = hostid_check("fleet name", from->fleet, f);

	if (rc)
		return rc;
	memcpy(s->fleet, from->fleet, strlen(from->fleet) + 1);
	s->host_lifetime = from->host_lifetime;
	s->poll = from->poll;
	s->n_operators = from->n_operators;
	s->operators = malloc(bytes ? bytes : 1);
	if (!s->operators)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	if (bytes)
		memcpy(s->operators, from->operators, bytes);
	if ((rc = profile_lifetime(PROFILE_HOST, from->host_lifetime, &lifetime, f)) ||
	        (rc = prints_load(from->host_ca, s->host_cas, &s->n_host_cas, f)) ||
	        (rc = prints_load(from->operator_ca, s->operator_cas, &s->n_operator_cas, f)) ||
	        (rc = issuer_load(from, s, f)) || (rc = cacerts_make(from, s, f)))
		return rc;
	return from->repo_root ? file_read(from->repo_root, TUF_ROOT_MAX, &s->repo_root, &s->repo_root_len, f)
	                       : KE_OK;
}

int settings_load(const struct api_settings *from, struct settings **ret, struct fault *f)
{
	struct settings *s = calloc(1, sizeof *s);
	int rc = s ? fill(from, s, f) : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");

	if (rc)
		settings_free(s);
	else
		*ret = s;
	return rc;
}

void settings_free(struct settings *s)
{
	if (!s)
		return;
	ca_free(s->host_ca);
	free(s->cacerts);
	file_free(s->repo_root);
	free(s->operators);
	free(s);
}
