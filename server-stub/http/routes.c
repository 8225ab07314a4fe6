/* routes.c — matching the route table, and the one place where auth classes are judged.
 *
 * The table is small (some forty rows) and walked from front to back with a segment-wise comparison; the row with more
 * literal text wins, so that "/v1/hosts/{id}" and "/v1/hosts/new" may both exist in any order. Refuses tables with
 * rows that could never be reached. Called by server.c once (check) and by conn.c for every request.
 */
#include "server-stub/http/routes.h"

#include <stdio.h>
#include <string.h>

/* The segment that begins at P (just behind a '/'): its length. */
static size_t segment_len(const char *p)
{
	return strcspn(p, "/");
}

static bool segment_is_param(const char *p, size_t len)
{
	return len >= 2 && p[0] == '{' && p[len - 1] == '}';
}

static bool segment_is_rest(const char *p, size_t len)
{
	return len >= 5 && segment_is_param(p, len) && memcmp(p + len - 4, "...", 3) == 0;
}

static void param_add(
        struct http_match *m, const char *name, size_t name_len, const char *value, size_t value_len)
{
	if (m->n_params < HTTP_PARAMS_MAX)
		m->params[m->n_params++] = (struct http_param){ name, name_len, value, value_len };
}

/* Does PATH fit PATTERN? Fills M's parameters; *RET_LITERALS counts segments that fitted literally. */
static bool pattern_fits(const char *pattern, const char *path, struct http_match *m, unsigned *ret_literals)
{
	unsigned literals = 0;

	m->n_params = 0;
	for (;;) {
		const char *want = ++pattern;
		const char *have = ++path;
		size_t want_len = segment_len(want);
		size_t have_len = segment_len(have);

		if (segment_is_rest(want, want_len)) {
			size_t len = strlen(have);
			if (len == 0 || have[len - 1] == '/')
				return false;
			param_add(m, want + 1, want_len - 5, have, len);
			break;
		}
		if (segment_is_param(want, want_len)) {
			if (have_len == 0)
				return false;
			param_add(m, want + 1, want_len - 2, have, have_len);
		} else {
			if (want_len != have_len || memcmp(want, have, want_len) != 0)
				return false;
			literals++;
		}
		pattern = want + want_len;
		path = have + have_len;
		if (!*pattern || !*path) {
			if (*pattern || *path)
				return false;
			break;
		}
	}
	*ret_literals = literals;
	return true;
}

static void allow_add(char *allow, size_t size, const char *name)
{
	size_t len = strlen(allow);

	if (!strstr(allow, name))
		snprintf(allow + len, size - len, "%s%s", len ? ", " : "", name);
}

int http_routes_match(const struct http_route *routes, size_t n, enum http_method method, const char *path,
        struct http_match *ret)
{
	struct http_match best = { .route = NULL };
	char allow[sizeof best.allow] = "";
	unsigned best_literals = 0;
	enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;

	for (size_t i = 0; i < n; i++) {
		struct http_match m = { .route = &routes[i] };
		unsigned literals;

		if (!pattern_fits(routes[i].pattern, path, &m, &literals))
			continue;
		allow_add(allow, sizeof allow, http_method_name(routes[i].method));
		if (routes[i].method == HTTP_GET)
			allow_add(allow, sizeof allow, "HEAD");
		if (routes[i].method == wanted && (!best.route || literals > best_literals)) {
			best = m;
			best_literals = literals;
		}
	}
	*ret = best;
	memcpy(ret->allow, allow, sizeof allow);
	if (best.route)
		return 200;
	return allow[0] ? 405 : 404;
}

/* The identity's name must equal the parameter "id" of the path. */
static bool is_self(const struct http_match *m, const struct http_identity *who)
{
	for (unsigned i = 0; i < m->n_params; i++) {
		const struct http_param *p = &m->params[i];

		if (p->name_len == 2 && memcmp(p->name, "id", 2) == 0)
			return strlen(who->name) == p->value_len &&
			       memcmp(who->name, p->value, p->value_len) == 0;
	}
	return false;
}

int http_auth_judge(const struct http_match *m, const struct http_identity *who, const char *authorization)
{
	bool host = who->kind == HTTP_KIND_HOST && who->name[0];
	enum http_role role = who->kind == HTTP_KIND_OPERATOR && who->name[0] ? who->role : HTTP_ROLE_NONE;
	bool ok = false;

	switch (m->route->auth) {
	case HTTP_AUTH_ANY:
		return 200;
	case HTTP_AUTH_TOKEN:
		return authorization && *authorization ? 200 : 401;
	case HTTP_AUTH_HOST:
		ok = host;
		break;
	case HTTP_AUTH_SELF:
		ok = host && is_self(m, who);
		break;
	case HTTP_AUTH_MEMBER:
		ok = host || role >= HTTP_ROLE_VIEWER;
		break;
	case HTTP_AUTH_VIEWER:
		ok = role >= HTTP_ROLE_VIEWER;
		break;
	case HTTP_AUTH_OPERATOR:
		ok = role >= HTTP_ROLE_OPERATOR;
		break;
	case HTTP_AUTH_ADMIN:
		ok = role >= HTTP_ROLE_ADMIN;
		break;
	}
	if (ok)
		return 200;
	return who->kind == HTTP_KIND_NOBODY ? 401 : 403;
}

const char *http_auth_name(enum http_auth auth)
{
	static const char *const names[] = {
		[HTTP_AUTH_ANY] = "any",
		[HTTP_AUTH_TOKEN] = "token",
		[HTTP_AUTH_HOST] = "host",
		[HTTP_AUTH_SELF] = "self",
		[HTTP_AUTH_MEMBER] = "member",
		[HTTP_AUTH_VIEWER] = "viewer",
		[HTTP_AUTH_OPERATOR] = "operator",
		[HTTP_AUTH_ADMIN] = "admin",
	};

	return (unsigned)auth < sizeof names / sizeof names[0] ? names[auth] : "?";
}

/* NULL, or what is wrong with the pattern. */
static const char *pattern_fault(const char *pattern, bool *ret_has_id)
{
	unsigned params = 0;

	if (!pattern || pattern[0] != '/')
		return "the pattern does not begin with '/'";
	for (const char *p = pattern; *p == '/';) {
		const char *segment = p + 1;
		size_t len = segment_len(segment);

		p = segment + len;
		if (len == 0)
			return "the pattern has an empty segment";
		if (segment_is_param(segment, len)) {
			if (segment_is_rest(segment, len) && *p)
				return "a {name...} is not the last segment";
			if (len == 2)
				return "a parameter has no name";
			if (++params > HTTP_PARAMS_MAX)
				return "the pattern has too many parameters";
			*ret_has_id = *ret_has_id || (len == 4 && memcmp(segment, "{id}", 4) == 0);
		} else if (memchr(segment, '{', len) || memchr(segment, '}', len)) {
			return "a brace inside literal text";
		}
	}
	return NULL;
}

static const char *route_fault(const struct http_route *routes, size_t i)
{
	const struct http_route *r = &routes[i];
	bool has_id = false;
	const char *what = pattern_fault(r->pattern, &has_id);

	if (what)
		return what;
	if (!r->handler)
		return "the row has no handler";
	if ((unsigned)r->method >= HTTP_METHODS || r->method == HTTP_HEAD)
		return "the method cannot be routed";
	if (r->auth == HTTP_AUTH_SELF && !has_id)
		return "auth class self needs a parameter {id}";
	for (size_t j = 0; j < i; j++)
		if (routes[j].method == r->method && strcmp(routes[j].pattern, r->pattern) == 0)
			return "the row is there twice";
	return NULL;
}

int http_routes_check(const struct http_route *routes, size_t n, struct fault *f)
{
	for (size_t i = 0; i < n; i++) {
		const char *what = route_fault(routes, i);

		if (what) {
			char where[300];
			snprintf(where, sizeof where, "route %s %s", http_method_name(routes[i].method),
			        routes[i].pattern ? routes[i].pattern : "(none)");
			return fault_set(f, KE_USAGE, where, "correct the table", "%s", what);
		}
	}
	return KE_OK;
}
