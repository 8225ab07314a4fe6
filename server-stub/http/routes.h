/* routes.h — the one route table: what can be asked, by whom, how large, and who answers.
 *
 * A pattern is a list of segments: literal text, "{name}" (exactly one non-empty segment), or, as the last one,
 * "{name...}" (one or more segments, slashes included). Literal segments win over parameters.
 */
#ifndef KEDGE_HTTP_ROUTES_H
#define KEDGE_HTTP_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"
#include "server-stub/http/http_codec.h"
#include "server-stub/http/tls_peer.h"

#define HTTP_PARAMS_MAX 4

struct http_request;

/* Who may ask. Each operator role includes the ones before it. */
enum http_auth {
	HTTP_AUTH_ANY,      /* everybody, without a certificate too */
	HTTP_AUTH_TOKEN,    /* everybody who sends an Authorization field; the handler judges it */
	HTTP_AUTH_HOST,     /* any enrolled host */
	HTTP_AUTH_SELF,     /* the host whose id is the route's parameter "id" */
	HTTP_AUTH_MEMBER,   /* any enrolled host, and operators from viewer on */
	HTTP_AUTH_VIEWER,   /* operators */
	HTTP_AUTH_OPERATOR, /* operators with role operator or admin */
	HTTP_AUTH_ADMIN,    /* operators with role admin */
};

enum http_kind { HTTP_KIND_NOBODY, HTTP_KIND_HOST, HTTP_KIND_OPERATOR };
enum http_role { HTTP_ROLE_NONE, HTTP_ROLE_VIEWER, HTTP_ROLE_OPERATOR, HTTP_ROLE_ADMIN };

/* Who a request comes from, as the application sees it. */
struct http_identity {
	enum http_kind kind;
	enum http_role role; /* operators only */
	char name[128];      /* host id or operator name; "" for nobody */
};

/* Answers by exactly one of http_reply(), http_problem(), http_defer(), http_park() (request.h), without blocking.
 * A handler that returns without any of them is answered for with 500. */
typedef void http_handler(struct http_request *req);

struct http_route {
	enum http_method method; /* HTTP_GET answers HEAD too */
	const char *pattern;
	enum http_auth auth;
	size_t body_max; /* bytes; a larger Content-Length is refused with 413 before a byte of it is read */
	http_handler *handler;
};

/* One parameter of a matched route; NAME is not NUL-terminated (it points into the pattern). */
struct http_param {
	const char *name;
	size_t name_len;
	const char *value; /* points into the path that was matched */
	size_t value_len;
};

struct http_match {
	const struct http_route *route;
	unsigned n_params;
	struct http_param params[HTTP_PARAMS_MAX];
	char allow[48]; /* for 405: the methods of the path, as the Allow field wants them */
};

/* Check a table at start: patterns well-formed, at most HTTP_PARAMS_MAX parameters, a handler in every row,
 * HTTP_AUTH_SELF only with a parameter "id", no row twice. KE_USAGE; the fault names the row. */
int http_routes_check(const struct http_route *routes, size_t n, struct fault *f);

/* Find the row for METHOD and PATH (decoded, as http_head_parse() gives it). Returns 200, or 404, or 405 with
 * ret->allow. */
int http_routes_match(const struct http_route *routes, size_t n, enum http_method method, const char *path,
        struct http_match *ret);

/* May WHO ask for what MATCH found? Returns 200, 401 (nobody: a certificate or token is needed) or 403. The one place
 * where auth classes are judged. AUTHORIZATION is the field's value or NULL. */
int http_auth_judge(
        const struct http_match *match, const struct http_identity *who, const char *authorization);

/* "self"; never NULL. */
const char *http_auth_name(enum http_auth auth);

#endif
