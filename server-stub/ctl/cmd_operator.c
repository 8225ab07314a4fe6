/* cmd_operator.c — `operator request` on a person's own machine, `operator sign` where the operator CA is kept, off line.
 * No server is asked. */
#include <stdlib.h>

#include "certs/cert.h"
#include "certs/operator.h"
#include "proto/fileio.h"
#include "server-stub/ctl/ctl.h"

/* PEM to --output or as the answer. */
static int pem_out(struct ctl *c, const char *pem, size_t len, struct fault *f)
{
	const char *output = args_value(&c->args, "output");

	if (output)
		return file_replace(output, pem, len, 0644, FILE_DURABLE, f);
	buf_bytes(&c->out, pem, len);
	return KE_OK;
}

int ctl_operator_request(struct ctl *c)
{
	char *passphrase = NULL, *pem = NULL;
	struct fault f = { 0 };
	size_t len = 0;
	int rc = passphrase_read(c->config.passphrase_file, &passphrase, &f);

	if (!rc)
		rc = operator_request(c->args.words[0], c->args.words[1], passphrase, &pem, &len, &f);
	if (!rc)
		rc = pem_out(c, pem, len, &f);
	if (!rc && !passphrase)
		ctl_warn(c, "warning: the key %s is not encrypted (--key-passphrase-file FILE)",
		        c->args.words[1]);
	passphrase_free(passphrase);
	free(pem);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

static int need(const struct ctl *c, const char *option, const char **ret, struct fault *f)
{
	*ret = args_value(&c->args, option);
	return *ret ? KE_OK : fault_set(f, KE_USAGE, NULL, NULL, "--%s is wanted", option);
}

static int load_ca(const struct ctl *c, const char *cert, const char *key, struct ca **ret, struct fault *f)
{
	char *passphrase = NULL;
	int rc = passphrase_read(c->config.keys_passphrase_file, &passphrase, f);

	if (!rc)
		rc = ca_load(PROFILE_OPERATOR_CA, cert, key, passphrase, ret, f);
	passphrase_free(passphrase);
	return rc;
}

int ctl_operator_sign(struct ctl *c)
{
	const char *cert_path, *key_path, *fleet, *days_text = args_value(&c->args, "days");
	struct stack_st_X509 *list = NULL;
	struct ca *ca = NULL;
	X509 *cert = NULL;
	char *request = NULL, *pem = NULL;
	size_t request_len = 0, len = 0;
	int64_t days = 0;
	struct fault f = { 0 };
	int rc;

	if ((rc = need(c, "ca-cert", &cert_path, &f)) || (rc = need(c, "ca-key", &key_path, &f)) ||
	        (rc = need(c, "fleet", &fleet, &f)) ||
	        (days_text && (rc = args_int(days_text, 1, 3650, &days, &f))) ||
	        (rc = load_ca(c, cert_path, key_path, &ca, &f)) ||
	        (rc = file_read(c->args.words[0], CSR_MAX, &request, &request_len, &f)))
		goto out;
	rc = operator_sign(ca, request, request_len, fleet, args_value(&c->args, "name"),
	        clock_wall(c->clock), days * 86400, &cert, &f);
	if (!rc && (rc = cert_list_of(cert, NULL, &list)))
		fault_set(&f, rc, NULL, NULL, "%s", "");
	if (!rc)
		rc = cert_list_to_pem(list, &pem, &len, &f);
	if (!rc)
		rc = pem_out(c, pem, len, &f);
out:
	free(pem);
	file_free(request);
	cert_list_free(list);
	cert_free(cert);
	ca_free(ca);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
