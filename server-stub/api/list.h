/* list.h — one page of a list as an answer: {"NAME": [...], "next": cursor}. "next" is there when there are more rows. */
#ifndef KEDGE_SERVER_API_LIST_H
#define KEDGE_SERVER_API_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server-stub/api/api_in.h"

struct list {
	struct answer answer;
	struct buf json;
	struct jsonw w;     /* rows are written here */
	size_t show, seen;  /* rows of a page, rows written */
	int64_t last;       /* cursor of the last row, or: */
	char last_text[64]; /* the same where cursors are texts */
	bool more;
};

/* Begin the answer to REQ. L must not move. */
void list_begin(struct list *l, struct http_request *req, const char *name);
/* May another row be written? With its cursor, a number or a text. false ends the walk: the page is full and there is more;
 * the row function returns LIST_FULL then. */
bool list_takes(struct list *l, int64_t cursor);
bool list_takes_text(struct list *l, const char *cursor);
#define LIST_FULL 1
/* Send the answer; RC < 0 sends F's problem instead. */
void list_end(struct list *l, int rc, const struct fault *f);

#endif
