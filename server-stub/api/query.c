/* query.c — parameters after the '?', strictly: a number that is none, a limit out of bounds or a name given twice
 * refuses the request instead of meaning something else. Used by the resources that list. */
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/api_in.h"

int query_text(struct http_request *req, const char *name, char *text, size_t size, struct fault *f)
{
	int n = http_query(req, name, text, size);

	if (n == KE_NOENT)
		return 0;
	if (n < 0)
		return fault_set(f, n == KE_TOOBIG ? KE_VALUE : n, name, NULL, "%s", err_text(n));
	return 1;
}

int query_int(struct http_request *req, const char *name, int64_t min, int64_t max, int64_t preset,
        int64_t *ret, struct fault *f)
{
	char text[24];
	int rc = query_text(req, name, text, sizeof text, f);

	if (rc < 0)
		return rc;
	if (rc == 0) {
		*ret = preset;
		return KE_OK;
	}
	size_t digits = strspn(text, "0123456789");
	if (!digits || text[digits] || digits > 18)
		return fault_set(f, KE_SYNTAX, name, NULL, "'%s' is no number", text);
	int64_t n = strtoll(text, NULL, 10);
	if (n < min || n > max)
		return fault_set(
		        f, KE_RANGE, name, NULL, "must lie in %lld..%lld", (long long)min, (long long)max);
	*ret = n;
	return KE_OK;
}

int query_page(struct http_request *req, const char *cursor, struct store_page *ret, size_t *ret_show,
        struct fault *f)
{
	struct store_page page = { 0 };
	int64_t limit;
	int rc = query_int(req, "limit", 1, API_LIST_MAX, API_LIST_DEFAULT, &limit, f);

	if (!rc)
		rc = query_int(req, cursor, 0, STRICT_INT_MAX, 0, &page.cursor, f);
	if (rc)
		return rc;
	page.limit = (unsigned)limit + 1;
	page.newest = ret->newest;
	*ret = page;
	*ret_show = (size_t)limit;
	return KE_OK;
}
