/* identity.c — who a certificate speaks for, asked at every request, because connections outlive revocations, changes
 * of role and exchanged CAs. A host's name counts only under a host CA, an operator's only under an operator CA; a host
 * must be enrolled here, an operator must stand in [operators]. Refusals are counted for the audit. */
#include <stdio.h>
#include <string.h>

#include "certs/hostid.h"
#include "server-stub/api/api_in.h"

static bool among(const unsigned char (*prints)[SHA256_LEN], size_t n, const unsigned char *print)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(prints[i], print, SHA256_LEN) == 0)
			return true;
	return false;
}

/* Does the certificate name exactly one of our fleet, under a CA for its kind? */
static bool name_judge(const struct settings *s, const struct http_peer *peer, struct identity *ret)
{
	struct identity id;

	if (peer->n_uris != 1 || identity_parse(peer->uris[0], strlen(peer->uris[0]), &id, NULL) ||
	        strcmp(id.fleet, s->fleet) != 0)
		return false;
	/* C has no implicit way from arrays to arrays of const. */
	typedef const unsigned char(*prints)[SHA256_LEN];
	bool good = id.kind == IDENTITY_HOST
	                    ? among((prints)s->host_cas, s->n_host_cas, peer->root_sha256)
	                    : among((prints)s->operator_cas, s->n_operator_cas, peer->root_sha256);
	if (good)
		*ret = id;
	return good;
}

static enum http_role role_of(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->n_operators; i++)
		if (strcmp(s->operators[i].name, name) == 0)
			return s->operators[i].role;
	return HTTP_ROLE_NONE;
}

/* A certificate from before the host's last enrolment is out: whoever enrols a host again may do so because its key was
 * stolen. */
static int host_check(struct api *api, const char *id, const struct http_peer *peer)
{
	bool revoked = true;
	int64_t created = 0;
	int rc = store_host_standing(api->store, id, &revoked, &created, NULL);
	bool good = !rc && !revoked && peer->not_before + PROFILE_BACKDATE >= created;

	return rc == KE_NOENT || (!rc && !good) ? KE_FORBIDDEN : rc;
}

int api_identify(void *app, const struct http_peer *peer, struct http_identity *ret)
{
	struct api *api = app;
	struct identity id;
	const struct settings *s = settings_hold(api);
	bool good = name_judge(s, peer, &id);
	enum http_role role = good && id.kind == IDENTITY_OPERATOR ? role_of(s, id.name) : HTTP_ROLE_NONE;

	settings_let(api);
	if (!good || (id.kind == IDENTITY_OPERATOR && role == HTTP_ROLE_NONE))
		return KE_FORBIDDEN;
	int rc = id.kind == IDENTITY_HOST ? host_check(api, id.name, peer) : KE_OK;
	if (rc)
		return rc;
	*ret = (struct http_identity){ .kind = id.kind == IDENTITY_HOST ? HTTP_KIND_HOST : HTTP_KIND_OPERATOR,
		.role = role };
	memcpy(ret->name, id.name, strlen(id.name) + 1);
	return KE_OK;
}

void api_refused(void *app, const struct http_peer *peer, const struct http_identity *who,
        const struct http_route *route, int status)
{
	struct api *api = app;
	char name[160], reason[96];

	if (who->kind != HTTP_KIND_NOBODY)
		snprintf(name, sizeof name, "%s/%s", who->kind == HTTP_KIND_HOST ? "host" : "operator",
		        who->name);
	else
		snprintf(name, sizeof name, "%.100s",
		        peer->present && peer->n_uris ? peer->uris[0] : peer->address);
	snprintf(reason, sizeof reason, "%d %s %s", status, http_method_name(route->method), route->pattern);
	store_denial_count(api->store, name, reason, api_now(api));
}

void actor_of(struct actor *a, const struct http_request *req)
{
	static const char *const roles[] = { "", "viewer", "operator", "admin" };
	const struct api *api = req->app;
	const struct http_identity *who = &req->who;
	bool host = who->kind == HTTP_KIND_HOST;

	snprintf(a->name, sizeof a->name, "%s%s",
	        host                              ? "host/"
	        : who->kind == HTTP_KIND_OPERATOR ? "operator/"
	                                          : "",
	        who->name);
	a->as = (struct store_actor){
		.name = a->name, .role = host ? "host" : roles[who->role], .time = api_now(api)
	};
}
