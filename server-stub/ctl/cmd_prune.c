/* cmd_prune.c — `repo prune`: what the repository no longer needs, told and taken away. */
#include "server-stub/ctl/cmd_repo.h"

static void list_json(struct jsonw *w, const char *name, char *const *list, size_t n)
{
	jsonw_array(w, name);
	for (size_t i = 0; i < n; i++)
		jsonw_string(w, NULL, list[i]);
	jsonw_array_end(w);
}

static void answer(struct ctl *c, const struct depot_pruned *p, bool dry)
{
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_prune");
		jsonw_bool(&w, "dry_run", dry);
		list_json(&w, "dropped", p->dropped, p->n_dropped);
		list_json(&w, "deleted", p->deleted, p->n_deleted);
		jsonw_array(&w, "written");
		for (size_t i = 0; i < p->written.n; i++)
			jsonw_string(&w, NULL, p->written.list[i].name);
		jsonw_array_end(&w);
		ctl_json_end(c, &w);
		return;
	}
	for (size_t i = 0; i < p->n_dropped; i++)
		buf_fmt(&c->out, "%s %s\n", dry ? "would drop" : "dropped", p->dropped[i]);
	for (size_t i = 0; i < p->written.n; i++)
		buf_fmt(&c->out, "%s metadata/%s\n", dry ? "would sign" : "signed", p->written.list[i].name);
	for (size_t i = 0; i < p->n_deleted; i++)
		buf_fmt(&c->out, "%s %s\n", dry ? "would delete" : "deleted", p->deleted[i]);
	buf_fmt(&c->out, "%zu targets, %zu files\n", p->n_dropped, p->n_deleted);
}

int ctl_repo_prune(struct ctl *c)
{
	bool dry = args_has(&c->args, "dry-run");
	struct depot_pruned pruned = { 0 };
	struct work w = { 0 };
	struct fault f = { 0 };
	int rc = work_begin(c, c->args.words[0], &w, &f);

	if (!rc)
		rc = depot_prune(w.depot, &w.keys, clock_wall(c->clock), dry, &pruned, &f);
	if (!rc)
		answer(c, &pruned, dry);
	depot_pruned_clear(&pruned);
	work_end(&w);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
