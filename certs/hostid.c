/* hostid.c — one grammar for the names of hosts, operators and fleets, and the SPIFFE URI that carries them. Refuses
 * everything that could be read twice: capitals, escapes, empty labels, slashes, bytes that are not printed. Called by
 * whoever takes a name from outside: configuration, certificates, tokens, routes. */
#include "certs/hostid.h"

#include <stdio.h>
#include <string.h>

#define SCHEME "spiffe://"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* NULL, or what is wrong. */
static const char *hostid_flaw(const char *text, size_t len)
{
	if (len == 0)
		return "is empty";
	if (len > HOSTID_MAX)
		return "is longer than 63 characters";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(text[i]) && text[i] != '-' && text[i] != '.')
			return "has a character other than a-z, 0-9, '-' and '.'";
	if (!is_alnum(text[0]) || !is_alnum(text[len - 1]))
		return "must begin and end with a letter or digit";
	for (size_t i = 1; i < len; i++)
		if ((text[i] == '.' && !is_alnum(text[i - 1])) || (text[i - 1] == '.' && !is_alnum(text[i])))
			return "has '-' or '.' next to a '.'";
	return NULL;
}

bool hostid_valid(const char *text, size_t len)
{
	return hostid_flaw(text, len) == NULL;
}

int hostid_check(const char *what, const char *text, struct fault *f)
{
	const char *flaw = hostid_flaw(text, strlen(text));

	if (!flaw)
		return KE_OK;
	return fault_set(f, KE_NAME, NULL, "use lower-case letters, digits, '-' and '.', at most 63",
	        "%s '%.80s' %s", what, text, flaw);
}

const char *identity_kind_name(enum identity_kind kind)
{
	switch (kind) {
	case IDENTITY_HOST:
		return "host";
	case IDENTITY_OPERATOR:
		return "operator";
	case IDENTITY_NONE:
		break;
	}
	return "none";
}

int identity_make(
        enum identity_kind kind, const char *fleet, const char *name, struct identity *ret, struct fault *f)
{
	if (kind != IDENTITY_HOST && kind != IDENTITY_OPERATOR)
		return fault_set(f, KE_VALUE, NULL, NULL, "an identity is a host's or an operator's");
	int rc = hostid_check("fleet name", fleet, f);
	if (!rc)
		rc = hostid_check(kind == IDENTITY_HOST ? "host id" : "operator name", name, f);
	if (rc)
		return rc;
	struct identity id = { .kind = kind };
	memcpy(id.fleet, fleet, strlen(fleet) + 1);
	memcpy(id.name, name, strlen(name) + 1);
	*ret = id;
	return KE_OK;
}

char *identity_format(const struct identity *id, char text[IDENTITY_ROOM])
{
	snprintf(text, IDENTITY_ROOM, SCHEME "%s/%s/%s", id->fleet, identity_kind_name(id->kind), id->name);
	return text;
}

/* The part of TEXT up to '/' or the end as a name in OUT; returns what follows the slash, or NULL. */
static const char *part_take(const char *text, const char *end, char out[HOSTID_ROOM])
{
	const char *slash = memchr(text, '/', (size_t)(end - text));
	const char *stop = slash ? slash : end;
	size_t len = (size_t)(stop - text);

	if (!hostid_valid(text, len))
		return NULL;
	memcpy(out, text, len);
	out[len] = '\0';
	return slash ? slash + 1 : end;
}

int identity_parse(const char *text, size_t len, struct identity *ret, struct fault *f)
{
	static const char form[] = "spiffe://FLEET/host/ID or spiffe://FLEET/operator/NAME";
	size_t scheme = strlen(SCHEME);
	const char *end = text + len;
	char kind[HOSTID_ROOM];
	struct identity id = { .kind = IDENTITY_NONE };

	if (len <= scheme || len >= IDENTITY_ROOM || memcmp(text, SCHEME, scheme) != 0)
		return fault_set(f, KE_NAME, NULL, NULL, "not a URI of the form %s", form);
	const char *at = part_take(text + scheme, end, id.fleet);
	if (at && at < end)
		at = part_take(at, end, kind);
	else
		at = NULL;
	if (at && at < end && !memchr(at, '/', (size_t)(end - at)))
		at = part_take(at, end, id.name);
	else
		at = NULL;
	if (at && strcmp(kind, "host") == 0)
		id.kind = IDENTITY_HOST;
	else if (at && strcmp(kind, "operator") == 0)
		id.kind = IDENTITY_OPERATOR;
	if (id.kind == IDENTITY_NONE)
		return fault_set(f, KE_NAME, NULL, NULL, "not a URI of the form %s", form);
	*ret = id;
	return KE_OK;
}
