/* repo.c — the published repository as files: bytes exactly as they were signed, with their hash as ETag. Names that the
 * publisher never writes are simply not there. Answers hosts, operators, and any TUF client with a certificate. */
#include <stdio.h>
#include <string.h>

#include "server-stub/api/api_in.h"

struct serve {
	struct http_request *req;
	const char *type, *cache;
};

static int file_row(void *ctx, const struct store_file *file)
{
	struct serve *s = ctx;
	char etag[STORE_HEX_ROOM + 2];
	struct http_field fields[] = { { "ETag", etag }, { "Cache-Control", s->cache }, { NULL, NULL } };

	snprintf(etag, sizeof etag, "\"%s\"", file->sha256);
	if (http_etag_matches(s->req, etag))
		http_reply(s->req, 304, NULL, NULL, 0, fields);
	else
		http_reply(s->req, 200, s->type, file->data, file->len, fields);
	return 0;
}

static void file_serve(struct http_request *req, const char *folder, const char *name, bool fresh)
{
	struct api *api = req->app;
	struct answer now = answer_now(req);
	struct serve s = { .req = req,
		.type = strcmp(folder, "metadata") == 0 ? API_JSON : "application/octet-stream",
		.cache = fresh ? "no-cache" : "max-age=86400" };
	struct fault f = { 0 };
	char path[HTTP_TARGET_MAX + 16];
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);
	int rc = n < 0 || (size_t)n >= sizeof path ? KE_NOENT
	                                           : store_repo_read(api->store, path, file_row, &s, &f);

	if (rc)
		answer_fault(&now, rc, &f);
}

/* Versioned files never change; the others may. */
void repo_metadata(struct http_request *req)
{
	const char *name = http_param(req, "file");

	file_serve(req, "metadata", name, name[0] < '0' || name[0] > '9');
}

void repo_target(struct http_request *req)
{
	file_serve(req, "targets", http_param(req, "path"), true);
}
