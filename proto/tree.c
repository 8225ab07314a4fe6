/* tree.c — prints and edits the trees that the publisher builds. Recursion is as deep as the tree, which strict_parse()
 * bounds for trees that were read and jsonw for all others. */
#include "proto/tree.h"

#include <cJSON.h>

#include "proto/err.h"
#include "proto/strict.h"

static void write_number(struct jsonw *w, const char *name, double value)
{
	if (!(value >= -(double)STRICT_INT_MAX && value <= (double)STRICT_INT_MAX)) {
		w->out->rc = w->out->rc ? w->out->rc : KE_SCHEMA;
		return;
	}
	int64_t whole = (int64_t)value;
	if ((double)whole < value || (double)whole > value)
		w->out->rc = w->out->rc ? w->out->rc : KE_SCHEMA;
	jsonw_int(w, name, whole);
}

void tree_write(struct jsonw *w, const char *name, const struct cJSON *tree)
{
	if (w->out->rc)
		return;
	if (cJSON_IsObject(tree)) {
		jsonw_object(w, name);
		for (const cJSON *m = tree->child; m; m = m->next)
			tree_write(w, m->string, m);
		jsonw_object_end(w);
	} else if (cJSON_IsArray(tree)) {
		jsonw_array(w, name);
		for (const cJSON *m = tree->child; m; m = m->next)
			tree_write(w, NULL, m);
		jsonw_array_end(w);
	} else if (cJSON_IsString(tree)) {
		jsonw_string(w, name, tree->valuestring);
	} else if (cJSON_IsNumber(tree)) {
		write_number(w, name, tree->valuedouble);
	} else if (cJSON_IsBool(tree)) {
		jsonw_bool(w, name, cJSON_IsTrue(tree));
	} else {
		jsonw_null(w, name);
	}
}

struct cJSON *tree_object(struct cJSON *object, const char *name)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return item ? item : cJSON_AddObjectToObject(object, name);
}

int tree_set(struct cJSON *object, const char *name, struct cJSON *item)
{
	if (!item)
		return KE_NOMEM;
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	if (!cJSON_AddItemToObject(object, name, item)) {
		cJSON_Delete(item);
		return KE_NOMEM;
	}
	return KE_OK;
}
