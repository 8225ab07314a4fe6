/* profile.c — the table of certificate kinds, and the two questions asked of it: may this be issued, and is that which
 * somebody shows really of this kind. Called by issue.c, verify.c and tls_server.c. */
#include "certs/profile.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include <openssl/x509v3.h>

#define DAY        86400

#define CA_USAGE   "critical,keyCertSign,cRLSign"
#define LEAF_USAGE "critical,digitalSignature"

static const struct profile profiles[PROFILE_COUNT] = {
	[PROFILE_SERVER_CA] = { "server-ca", "server CA", true, PROFILE_SERVER_CA, IDENTITY_NONE, CA_USAGE,
	        NULL, 3650LL * DAY, 9125LL * DAY },
	[PROFILE_HOST_CA] = { "host-ca", "host CA", true, PROFILE_HOST_CA, IDENTITY_NONE, CA_USAGE, NULL,
	        3650LL * DAY, 9125LL * DAY },
	[PROFILE_OPERATOR_CA] = { "operator-ca", "operator CA", true, PROFILE_OPERATOR_CA, IDENTITY_NONE,
	        CA_USAGE, NULL, 3650LL * DAY, 9125LL * DAY },
	[PROFILE_SERVER] = { "server", "server", false, PROFILE_SERVER_CA, IDENTITY_NONE, LEAF_USAGE,
	        "serverAuth", 365LL * DAY, 825LL * DAY },
	[PROFILE_HOST] = { "host", "host", false, PROFILE_HOST_CA, IDENTITY_HOST, LEAF_USAGE, "clientAuth",
	        30LL * DAY, 400LL * DAY },
	[PROFILE_OPERATOR] = { "operator", "operator", false, PROFILE_OPERATOR_CA, IDENTITY_OPERATOR,
	        LEAF_USAGE, "clientAuth", 365LL * DAY, 825LL * DAY },
};

const struct profile *profile_get(enum profile_kind kind)
{
	return &profiles[kind];
}

int profile_lifetime(enum profile_kind kind, int64_t lifetime, int64_t *ret, struct fault *f)
{
	const struct profile *p = profile_get(kind);

	if (lifetime == 0)
		lifetime = p->lifetime;
	if (lifetime < 60 || lifetime > p->lifetime_max)
		return fault_set(f, KE_RANGE, NULL, NULL,
		        "a %s certificate lives for 60 seconds to %lld days, not for %lld seconds", p->title,
		        (long long)(p->lifetime_max / DAY), (long long)lifetime);
	*ret = lifetime;
	return KE_OK;
}

static int profile_check_ca(const struct profile *p, X509 *cert, struct fault *f)
{
	if (X509_check_ca(cert) != 1)
		return fault_set(f, KE_UNTRUSTED, NULL, NULL, "not the certificate of a CA, as a %s must be",
		        p->title);
	uint32_t usage = X509_get_key_usage(cert);
	if (usage != UINT32_MAX && !(usage & KU_KEY_CERT_SIGN))
		return fault_set(
		        f, KE_UNTRUSTED, NULL, NULL, "key usage does not allow signing certificates");
	return KE_OK;
}

int profile_check(enum profile_kind kind, X509 *cert, struct fault *f)
{
	const struct profile *p = profile_get(kind);
	uint32_t flags = X509_get_extension_flags(cert);

	if (flags & EXFLAG_INVALID)
		return fault_set(f, KE_UNTRUSTED, NULL, NULL, "an extension of the certificate is malformed");
	if (p->is_ca)
		return profile_check_ca(p, cert, f);
	if (flags & EXFLAG_CA)
		return fault_set(
		        f, KE_UNTRUSTED, NULL, NULL, "the certificate of a CA, not of a %s", p->title);
	uint32_t usage = X509_get_key_usage(cert);
	if (usage != UINT32_MAX && !(usage & KU_DIGITAL_SIGNATURE))
		return fault_set(f, KE_UNTRUSTED, NULL, NULL, "key usage does not allow signatures");
	uint32_t want = kind == PROFILE_SERVER ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
	uint32_t ext = X509_get_extended_key_usage(cert);
	if (ext == UINT32_MAX)
		return fault_set(f, KE_UNTRUSTED, NULL, NULL, "extended key usage is missing; it must say %s",
		        p->ext_key_usage);
	/* Site certificates of servers often carry both purposes; those of hosts and operators are ours. */
	if (!(ext & want) || (kind != PROFILE_SERVER && ext != want))
		return fault_set(
		        f, KE_UNTRUSTED, NULL, NULL, "extended key usage is not %s", p->ext_key_usage);
	return KE_OK;
}

/* Labels of letters, digits, '-' and '_', none empty or with '-' at an end; 1 to 253 bytes. */
static bool dns_valid(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i <= len; i++) {
		unsigned char c = (unsigned char)name[i];
		if (c == '.' || c == '\0') {
			if (label == 0 || label > 63 || name[i - 1] == '-' || name[i - label] == '-')
				return false;
			label = 0;
		} else if ((c < 0x80 && isalnum(c)) || c == '-' || c == '_') {
			label++;
		} else {
			return false;
		}
	}
	return true;
}

static bool ip_valid(const char *text)
{
	unsigned char addr[16];

	return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

int profile_names_check(const struct profile_names *names, struct fault *f)
{
	if (names->dns_count + names->ip_count == 0)
		return fault_set(f, KE_NAME, NULL, "give a DNS name or an address", "a server needs a name");
	if (names->dns_count > PROFILE_NAMES_MAX || names->ip_count > PROFILE_NAMES_MAX - names->dns_count)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d names", PROFILE_NAMES_MAX);
	for (size_t i = 0; i < names->dns_count; i++)
		if (!dns_valid(names->dns[i]))
			return fault_set(f, KE_NAME, NULL, NULL, "'%.80s' is not a DNS name", names->dns[i]);
	for (size_t i = 0; i < names->ip_count; i++)
		if (!ip_valid(names->ip[i]))
			return fault_set(
			        f, KE_NAME, NULL, NULL, "'%.80s' is not a numeric IP address", names->ip[i]);
	return KE_OK;
}
