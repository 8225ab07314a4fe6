/* list.c — the frame around the rows of every list that the server gives. */
#include "server-stub/api/list.h"

#include <stdio.h>

void list_begin(struct list *l, struct http_request *req, const char *name)
{
	*l = (struct list){ .answer = answer_now(req), .json = BUF_INIT(API_REPLY_MAX) };
	l->w = JSONW_INIT(&l->json, 0);
	jsonw_object(&l->w, NULL);
	jsonw_array(&l->w, name);
}

bool list_takes(struct list *l, int64_t cursor)
{
	l->more = l->seen == l->show;
	if (l->more)
		return false;
	l->seen++;
	l->last = cursor;
	return true;
}

bool list_takes_text(struct list *l, const char *cursor)
{
	if (!list_takes(l, 0))
		return false;
	snprintf(l->last_text, sizeof l->last_text, "%s", cursor);
	return true;
}

void list_end(struct list *l, int rc, const struct fault *f)
{
	if (rc < 0) {
		buf_free(&l->json);
		answer_fault(&l->answer, rc, f);
		return;
	}
	jsonw_array_end(&l->w);
	if (l->more && l->last_text[0])
		jsonw_string(&l->w, "next", l->last_text);
	else if (l->more)
		jsonw_int(&l->w, "next", l->last);
	jsonw_object_end(&l->w);
	answer_json(&l->answer, 200, &l->json);
}
