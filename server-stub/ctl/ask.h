/* ask.h — questions to the server whose answers are JSON: one document, or pages of a list; and answers as tables.
 *
 * Answers are read tolerantly where they are shown: a member that is missing or of another type is "-", so that an older
 * server can still be asked. They are never believed: they are told.
 */
#ifndef KEDGE_SERVER_CTL_ASK_H
#define KEDGE_SERVER_CTL_ASK_H

#include "proto/reader.h"
#include "server-stub/ctl/client.h"
#include "server-stub/ctl/ctl.h"
#include "server-stub/ctl/writer.h"

struct cJSON;

/* GET PATH; cJSON_Delete() *RET. KE_PROTO: the answer is no JSON. */
int ask_one(struct client *client, const char *path, struct cJSON **ret, struct fault *f);
/* GET PATH (which may have a query already), taking the items of the array MEMBER and following "next" by the parameter
 * CURSOR until there are LIMIT items. *RET is an array. */
int ask_rows(struct client *client, const char *path, const char *member, const char *cursor, int64_t limit,
        struct cJSON **ret, struct fault *f);

/* A column: its title, and either the dotted path of a member or a function that writes the cell. */
struct ask_column {
	const char *title;
	const char *member;
	void (*cell)(const struct place *row, struct buf *out);
};
/* A cell: the member "labels" as "role=web,dc=fra". */
void ask_labels_text(const struct place *row, struct buf *out);
/* ROWS as a table to c->out, each line after INDENT. COLUMNS ends with a row without title. */
void ask_table(struct ctl *c, const struct cJSON *rows, const struct ask_column *columns, const char *indent);
/* The whole of a list command: ask, then {"NAME":1,"MEMBER":[...]} or a table, or EMPTY when there is nothing. Returns the
 * exit code. */
struct ask_list {
	const char *name, *member, *cursor;
	const struct ask_column *columns;
	const char *empty;
	int64_t limit; /* preset */
	bool reverse;  /* the server tells oldest first */
};
int ask_list(struct ctl *c, const char *path, const struct ask_list *list);
/* Append "?NAME=VALUE" or "&NAME=VALUE" to PATH when the option OPTION was given. */
void ask_option(const struct ctl *c, struct buf *path, const char *option, const char *name);

/* The member at the dotted path WAY below AT, as text in OUT (harmless): strings, numbers, yes or no; nothing when it is
 * not there. */
void ask_text(const struct place *at, const char *way, struct buf *out);
/* The same in BUF. Returns BUF; "-" for nothing. */
const char *ask_word(const struct place *at, const char *way, char *buf, size_t size);
int64_t ask_int(const struct place *at, const char *way, int64_t fallback);
/* The node there, or NULL. */
const struct cJSON *ask_node(const struct place *at, const char *way);

#endif
